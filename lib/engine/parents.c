/*
 * Folders that another host has removed while something was put into them here: they are
 * made again, from the innermost on. What is in a folder that is none would be listed by nobody,
 * and it is paid for.
 */
#include "lib/base/clock.h"
#include "lib/engine/internal.h"

/* Of one question. */
#define ASK_MS 20000

struct parent {
	struct parent *next, **link;
	struct shared *shared;
	struct seed_share_op *asked;
	char *name;
};

static void parent_free(struct parent *parent)
{
	*parent->link = parent->next;
	if (parent->next)
		parent->next->link = parent->link;
	free(parent->name);
	free(parent);
}

static void on_made(void *context, const struct seed_share_result *result)
{
	struct parent *parent = context;

	parent->asked = NULL;
	if (!result->err)
		parent_keep(parent->shared, parent->name);
	parent_free(parent);
}

static struct parent *parent_new(struct shared *shared, const char *name, size_t len)
{
	struct parent *parent = calloc(1, sizeof(*parent));

	if (!parent)
		return NULL;
	parent->shared = shared;
	parent->name = strndup(name, len);
	parent->next = shared->parents;
	parent->link = &shared->parents;
	if (parent->next)
		parent->next->link = &parent->next;
	shared->parents = parent;
	return parent;
}

/* Without memory, or the store, it is for the next that is put there. */
void parent_keep(struct shared *shared, const char *name)
{
	const char *slash = strrchr(name, '/');
	struct seed_share_request request = {
		.verb = SEED_SHARE_MAKE_FOLDER,
		.deadline_ms = seed_clock_now_ms() + ASK_MS,
	};
	struct parent *parent = slash ? parent_new(shared, name, (size_t)(slash - name)) : NULL;

	if (!parent)
		return;
	request.name = parent->name;
	if (!parent->name || seed_share_start(shared->share, &request, on_made, parent, &parent->asked))
		parent_free(parent);
}

void parents_free(struct shared *shared)
{
	while (shared->parents) {
		if (shared->parents->asked)
			seed_share_cancel(shared->parents->asked);
		parent_free(shared->parents);
	}
}
