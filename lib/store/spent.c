/*
 * The day's submissions, for the budget: a file of its own, and in each line of the
 * journal, where they are on disk before what they count is sent. The file is written
 * durably before a row goes; of what is found at the start the latest counts.
 */
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/store/files.h"
#include "lib/store/internal.h"

/* Of SEED_SPENT_USERS and SEED_SPENT_EARLIER lines, and four more. */
#define SPENT_MAX_BYTES 4096
/* A planted one beyond them would leave no number for what comes after. */
#define SERIAL_MAX (UINT64_MAX / 2)
#define COUNT_MAX INT64_C(1000000000000000)

static bool is_count(long long day, long long count)
{
	return day >= 0 && count >= 0 && count <= COUNT_MAX;
}

static void add_earlier(struct seed_spent *spent, int64_t day, int64_t count, bool is_lost)
{
	size_t i = 0;

	while (i < SEED_SPENT_EARLIER && (spent->earlier[i].count || spent->earlier[i].is_lost))
		i++;
	if (i == SEED_SPENT_EARLIER)
		return;
	spent->earlier[i].day = day;
	spent->earlier[i].count = count;
	spent->earlier[i].is_lost = is_lost;
}

static void parse_line(const char *line, struct seed_spent *spent)
{
	long long day = 0, count = 0, uid = 0;
	unsigned long long serial = 0;
	double cost = 0;
	int lost = 0;

	if (sscanf(line, "cost %lf", &cost) == 1 && cost >= 0 && cost <= SEED_COST_MAX) {
		spent->cost = cost;
	} else if (sscanf(line, "serial %llu", &serial) == 1 && serial < SERIAL_MAX) {
		spent->serial = serial;
	} else if (strncmp(line, "lost\n", 5) == 0) {
		spent->is_lost = true;
	} else if (sscanf(line, "uid %lld %lld", &uid, &count) == 2 && count > 0 && is_count(0, count)) {
		seed_spent_count_user(spent, uid, count);
	} else if (sscanf(line, "before %lld %lld %d", &day, &count, &lost) == 3 && is_count(day, count)) {
		add_earlier(spent, day, count, lost != 0);
	}
}

/* "DAY COUNT", and then who, what, earlier days and in which order: lines that an older program
 * does not read, and without which the first one counts. Two lines of one user, as earlier versions
 * wrote them, are added up. */
errint_t seed_store_spent_parse(const char *text, struct seed_spent *spent)
{
	long long day = 0, count = 0;
	char end;

	if (sscanf(text, "%lld %lld%c", &day, &count, &end) != 3 || end != '\n' || !is_count(day, count))
		return -EBADMSG;
	spent->day = day;
	spent->count = count;
	while ((text = strchr(text, '\n')) != NULL && *++text)
		parse_line(text, spent);
	return 0;
}

errint_t seed_store_spent_load(struct seed_store *store, struct seed_spent *spent)
{
	char *text = NULL;
	size_t len;
	errint_t err;

	*spent = (struct seed_spent){ 0 };
	err = seed_files_read(store->root, "spent", SPENT_MAX_BYTES, &text, &len);
	if (!err)
		err = seed_store_spent_parse(text, spent);
	free(text);
	/* In the place of the file nothing could be written, and no row could go. */
	if (err && err != -ENOENT)
		SEED_UNUSED(seed_store_keep_clear(store, store->root, "spent", S_IFREG, 1) == 0);
	store->spent_placed = store->spent_durable = err ? 0 : spent->serial;
	return err == -ENOENT ? 0 : err;
}

static errint_t format(const struct seed_spent *spent, struct seed_buf *out)
{
	errint_t err = seed_buf_addf(out, "%lld %lld\n", (long long)spent->day,
				     (long long)spent->count);

	for (size_t i = 0; !err && i < SEED_SPENT_USERS; i++)
		if (spent->users[i].count > 0)
			err = seed_buf_addf(out, "uid %lld %lld\n", (long long)spent->users[i].uid,
					    (long long)spent->users[i].count);
	if (!err && spent->cost > 0)
		err = seed_buf_addf(out, "cost %.15g\n", spent->cost);
	if (!err && spent->is_lost)
		err = seed_buf_addf(out, "lost\n");
	for (size_t i = 0; !err && i < SEED_SPENT_EARLIER; i++)
		if (spent->earlier[i].count > 0 || spent->earlier[i].is_lost)
			err = seed_buf_addf(out, "before %lld %lld %d\n", (long long)spent->earlier[i].day,
					    (long long)spent->earlier[i].count, spent->earlier[i].is_lost);
	if (!err)
		err = seed_buf_addf(out, "serial %llu\n", (unsigned long long)spent->serial);
	return err;
}

static struct seed_spent latest(struct seed_store *store)
{
	struct seed_spent spent;

	pthread_mutex_lock(&store->spent_mutex);
	spent = store->spent;
	pthread_mutex_unlock(&store->spent_mutex);
	return spent;
}

errint_t seed_store_spent_format(struct seed_store *store, struct seed_buf *out)
{
	const struct seed_spent spent = latest(store);

	return format(&spent, out);
}

void seed_store_spent_note(struct seed_store *store, const struct seed_spent *spent)
{
	pthread_mutex_lock(&store->spent_mutex);
	if (spent->serial > store->spent.serial)
		store->spent = *spent;
	pthread_mutex_unlock(&store->spent_mutex);
}

/* The lock is held over a rename or one small write: nothing that waits for a disk. */
static errint_t place(struct seed_store *store, const char *name, uint64_t serial)
{
	errint_t err;

	pthread_mutex_lock(&store->spent_mutex);
	if (serial > store->spent_placed) {
		err = seed_files_rename(store->tmp, name, store->root, "spent");
		if (!err)
			store->spent_placed = serial;
	} else {
		err = seed_files_unlink(store->tmp, name);
	}
	pthread_mutex_unlock(&store->spent_mutex);
	return err;
}

static bool is_durable(struct seed_store *store, uint64_t serial, bool now)
{
	bool is;

	pthread_mutex_lock(&store->spent_mutex);
	if (now && serial > store->spent_durable)
		store->spent_durable = serial;
	is = serial <= store->spent_durable;
	pthread_mutex_unlock(&store->spent_mutex);
	return is;
}

static errint_t replace(struct seed_store *store, const struct seed_buf *text, uint64_t serial)
{
	char name[SEED_STORE_ID_BYTES];
	errint_t err;

	seed_store_new_id(store, name);
	err = seed_files_write(store->tmp, name, text->data, text->len_bytes, true);
	if (!err)
		err = place(store, name, serial);
	return err ? err : seed_files_sync_parent(store->root, "spent");
}

/* In the space that the file has. Half of a count is none: the budget is used up then. */
static errint_t write_over(struct seed_store *store, const struct seed_buf *text, uint64_t serial)
{
	errint_t err = 0;

	pthread_mutex_lock(&store->spent_mutex);
	if (serial > store->spent_placed) {
		err = seed_files_overwrite(store->root, "spent", text->data, text->len_bytes);
		if (!err)
			store->spent_placed = serial;
	}
	pthread_mutex_unlock(&store->spent_mutex);
	if (!err)
		err = seed_files_sync_file(store->root, "spent");
	if (err) { /* what could not be written is dropped, and the next fsync succeeds */
		pthread_mutex_lock(&store->spent_mutex);
		store->spent_placed = store->spent_durable;
		pthread_mutex_unlock(&store->spent_mutex);
	}
	return err;
}

errint_t seed_store_spent_sync(struct seed_store *store)
{
	const struct seed_spent spent = latest(store);
	struct seed_buf text;
	errint_t err;

	if (is_durable(store, spent.serial, false))
		return 0;
	seed_buf_init(&text, SPENT_MAX_BYTES);
	err = format(&spent, &text);
	if (!err)
		err = replace(store, &text, spent.serial);
	/* Without it no row can be removed, nor any image of a row, which would make room. */
	if (err == -ENOSPC || err == -EDQUOT)
		err = write_over(store, &text, spent.serial);
	seed_buf_release(&text);
	if (!err)
		SEED_UNUSED(is_durable(store, spent.serial, true));
	return err;
}
