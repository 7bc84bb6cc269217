/* The day's submissions, for the budget: a file of its own. */
#include "lib/base/buf.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

/* Of SEED_SPENT_USERS lines and two more. */
#define SPENT_MAX_BYTES 4096

/* "DAY COUNT", and then who and what: lines that an older program does not read,
 * and without which the first one counts. */
static errint_t parse_spent(const char *text, struct seed_spent *spent)
{
	long long day = 0, count = 0, uid = 0;
	size_t users = 0;
	double cost = 0;
	char end;

	if (sscanf(text, "%lld %lld%c", &day, &count, &end) != 3 || end != '\n' || day <= 0 || count < 0)
		return -EBADMSG;
	spent->day = day;
	spent->count = count;
	while ((text = strchr(text, '\n')) != NULL && *++text) {
		if (sscanf(text, "cost %lf", &cost) == 1 && cost >= 0 && cost <= SEED_COST_MAX)
			spent->cost = cost;
		else if (users < SEED_SPENT_USERS &&
			 sscanf(text, "uid %lld %lld", &uid, &count) == 2 && count > 0) {
			spent->users[users].uid = uid;
			spent->users[users++].count = count;
		}
	}
	return 0;
}

errint_t seed_store_spent_read(const struct seed_store *store, struct seed_spent *spent)
{
	char *text = NULL;
	size_t len;
	errint_t err;

	*spent = (struct seed_spent){ 0 };
	err = seed_files_read(store->root, "spent", SPENT_MAX_BYTES, &text, &len);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = parse_spent(text, spent);
	free(text);
	return err;
}

static errint_t format_spent(const struct seed_spent *spent, struct seed_buf *out)
{
	errint_t err = seed_buf_addf(out, "%lld %lld\n", (long long)spent->day,
				     (long long)spent->count);

	for (size_t i = 0; !err && i < SEED_SPENT_USERS; i++)
		if (spent->users[i].count > 0)
			err = seed_buf_addf(out, "uid %lld %lld\n", (long long)spent->users[i].uid,
					    (long long)spent->users[i].count);
	if (!err && spent->cost > 0)
		err = seed_buf_addf(out, "cost %.15g\n", spent->cost);
	return err;
}

errint_t seed_store_spent_write(struct seed_store *store, struct seed_spent spent)
{
	char name[SEED_STORE_ID_BYTES];
	struct seed_buf text;
	errint_t err;

	seed_store_new_id(store, name);
	seed_buf_init(&text, SPENT_MAX_BYTES);
	err = format_spent(&spent, &text);
	if (!err)
		err = seed_files_write(store->tmp, name, text.data, text.len_bytes, true);
	seed_buf_release(&text);
	if (err)
		return err;
	/* The lock is held over a rename only: nothing that waits for a disk. */
	pthread_mutex_lock(&store->spent_mutex);
	if (spent.serial > store->spent.serial) {
		err = seed_files_rename(store->tmp, name, store->root, "spent");
		if (!err)
			store->spent = spent;
	} else {
		err = seed_files_unlink(store->tmp, name);
	}
	pthread_mutex_unlock(&store->spent_mutex);
	return err ? err : seed_files_sync_parent(store->root, "spent");
}
