/* The outcome of one committed text: shared by whoever committed it. */
#include <sys/stat.h>

#include "lib/engine/engine.h"

struct seed_ticket *seed_ticket_new(void)
{
	struct seed_ticket *ticket = calloc(1, sizeof(*ticket));

	if (!ticket)
		return NULL;
	atomic_init(&ticket->refs, 1);
	ticket->uid = -1;
	ticket->prompt_time.tv_nsec = UTIME_OMIT;
	atomic_init(&ticket->outcome, SEED_OUTCOME_UNKNOWN);
	return ticket;
}

struct seed_ticket *seed_ticket_ref(struct seed_ticket *ticket)
{
	atomic_fetch_add(&ticket->refs, 1);
	return ticket;
}

void seed_ticket_unref(struct seed_ticket *ticket)
{
	if (ticket && atomic_fetch_sub(&ticket->refs, 1) == 1)
		free(ticket);
}
