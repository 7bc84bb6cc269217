/* What other threads tell the engine: commands, in the order in which they came. */
#include "lib/engine/internal.h"

void engine_post(struct seed_engine *engine, struct command *command)
{
	command->next = NULL;
	pthread_mutex_lock(&engine->mutex);
	*engine->last = command;
	engine->last = &command->next;
	pthread_mutex_unlock(&engine->mutex);
	seed_net_wake(engine->net);
}

void engine_run_posted(struct seed_engine *engine)
{
	struct command *command, *next;

	pthread_mutex_lock(&engine->mutex);
	command = engine->first;
	engine->first = NULL;
	engine->last = &engine->first;
	pthread_mutex_unlock(&engine->mutex);
	for (; command; command = next) {
		next = command->next;
		command->run(engine, command);
	}
}
