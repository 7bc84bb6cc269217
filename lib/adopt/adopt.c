#include "lib/adopt/adopt.h"

#include <stdarg.h>
#include <stdlib.h>

#include "lib/adopt/survey.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/net/net.h"
#include "lib/s3/role.h"
#include "lib/share/share.h"
#include "lib/share/store_clock.h"

enum {
	AT_ONCE = 8,
	/* A store that does not answer for so long is away. */
	AWAY_MS = 30000,
	ASK_MS = 30000,
	REPORT_MS = 3000,
	/* A signal's handler does not end a wait. */
	LOOK_MS = 200,
	/* No rows are taken. */
	LEASE_S = 60,
};

struct adoption;

/* A name on its way: READ, then HEAD and PUT of each picture, then CREATE. */
enum step { IDLE, FOLDER, READ, LOAD, LOOK, SEND, CREATE, WAIT };

struct copy {
	struct adoption *adoption;
	enum step step;
	enum step again;   /* after a wait */
	int64_t wake_ms;   /* of a wait; INT64_MAX: an answer ends it */
	int64_t pause_ms, away_since_ms; /* 0: it answers */
	const char *name;  /* the survey's */
	struct seed_share_op *asked;
	struct seed_s3_op *sent;
	struct seed_adopt_entry entry;
	struct seed_share_entry there; /* as it was read; serial 0: nothing ever stood there */
	size_t picture;    /* the one that is looked at */
	char *data;        /* its bytes, owned; NULL: not loaded */
	size_t bytes, held_bytes;
};

struct adoption {
	const struct seed_adopt_config *config;
	struct seed_adopt_counts *counts;
	struct seed_share *share;
	struct seed_s3_role *role;
	struct seed_adopt_survey survey;
	struct seed_adopt_list refused; /* folders that are something else there; items are the survey's */
	size_t next_folder, next_name;
	struct copy copies[AT_ONCE];
	uint64_t held_bytes;
	int64_t report_ms;
	errint_t err;
	struct seed_error error;
};

/* ---- words ---- */

void seed_adopt_describe(const struct seed_adopt_counts *counts, char *text, size_t size)
{
	(void)snprintf(text, size, "%zu of %zu names; %zu images, of which %zu were sent (%.1f MB)", counts->names,
		       counts->names_total, counts->images, counts->images_sent,
		       (double)counts->bytes_sent / 1e6);
}

static void say(const struct seed_adopt_report *report, const char *line)
{
	report->say(report->context, line);
}

SEED_PRINTF(2, 3) static void complain(struct adoption *adoption, const char *format, ...)
{
	char line[SEED_MESSAGE_MAX_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	say(&adoption->config->problems, line);
}

static void report_progress(struct adoption *adoption, int64_t now_ms)
{
	char line[200];

	if (now_ms < adoption->report_ms)
		return;
	adoption->report_ms = now_ms + REPORT_MS;
	seed_adopt_describe(adoption->counts, line, sizeof(line));
	say(&adoption->config->progress, line);
}

/* ---- a copy's ends ---- */

static void drop_data(struct copy *copy)
{
	free(copy->data);
	copy->data = NULL;
	copy->adoption->held_bytes -= copy->held_bytes;
	copy->held_bytes = 0;
}

static void become_idle(struct copy *copy)
{
	drop_data(copy);
	seed_adopt_entry_release(&copy->entry);
	seed_share_release(&copy->there);
	copy->step = IDLE;
}

static void stop_all(struct copy *copy, errint_t err, const struct seed_error *error)
{
	struct adoption *adoption = copy->adoption;

	if (!adoption->err) {
		adoption->err = err;
		adoption->error = *error;
	}
	become_idle(copy);
}

static void end_name(struct copy *copy)
{
	struct seed_adopt_counts *counts = copy->adoption->counts;

	counts->names++;
	counts->images += copy->entry.count;
	counts->made_rows += (size_t)copy->entry.made_rows;
	counts->left_out += (size_t)copy->entry.left_out;
	become_idle(copy);
}

/* It stays here. */
static void refuse_name(struct copy *copy)
{
	copy->adoption->counts->names++;
	copy->adoption->counts->refused++;
	copy->adoption->counts->left_out += (size_t)copy->entry.left_out;
	become_idle(copy);
}

static void refuse_differing(struct copy *copy)
{
	complain(copy->adoption, "%s: the bucket has another prompt, image or history of this name; it is left as it is: "
		 "rename or remove one of them", copy->name);
	refuse_name(copy);
}

static void go_to(struct copy *copy, enum step step)
{
	copy->step = step;
	copy->pause_ms = copy->away_since_ms = 0;
}

static void wait_for_answer(struct copy *copy)
{
	copy->step = WAIT;
	copy->wake_ms = INT64_MAX;
}

/* ---- an answer that says "later" ---- */

static void again(struct copy *copy, enum step step, const struct seed_s3_answer *answer)
{
	int64_t now_ms = seed_clock_now_ms();

	if (!copy->away_since_ms)
		copy->away_since_ms = now_ms;
	if (answer->outcome == SEED_S3_REFUSED || now_ms - copy->away_since_ms > AWAY_MS) {
		stop_all(copy, answer->error.code ? -answer->error.code : -EHOSTUNREACH, &answer->error);
		return;
	}
	copy->step = WAIT;
	copy->again = step;
	copy->wake_ms = seed_store_clock_again_ms(&copy->pause_ms, answer->retry_after_ms);
}

/* Memory or descriptors are lacking: others give some back. */
static void cannot_start(struct copy *copy, enum step step, errint_t err)
{
	struct seed_s3_answer answer = { .outcome = SEED_S3_AWAY, .retry_after_ms = -1 };

	SEED_UNUSED(seed_error_set(&answer.error, -err, "the store cannot be asked: %s", strerror(-err)));
	again(copy, step, &answer);
}

/* ---- questions about an entry ---- */

static void ask(struct copy *copy, struct seed_share_request *request, seed_share_done_fn *done)
{
	struct seed_error error;
	errint_t err;

	request->name = copy->name;
	request->deadline_ms = seed_clock_now_ms() + ASK_MS;
	err = seed_share_start(copy->adoption->share, request, done, copy, &copy->asked);
	if (!err) {
		wait_for_answer(copy);
	} else if (err == -EINVAL) {
		complain(copy->adoption, "%s: the name is too long for a bucket; it is left as it is: rename it", copy->name);
		refuse_name(copy);
	} else {
		SEED_UNUSED(seed_error_set(&error, -err, "%s", strerror(-err)));
		stop_all(copy, err, &error);
	}
}

/* True: the answer ends the copy. */
static bool failed(struct copy *copy, const struct seed_share_result *result)
{
	struct seed_error error = result->error;

	copy->asked = NULL;
	if (!result->err || result->err == -EEXIST)
		return false;
	if (result->err == -EBADMSG && error.code) {
		complain(copy->adoption, "%s: %s; it is left as it is", copy->name, error.message);
		refuse_name(copy);
		return true;
	}
	if (!error.code)
		SEED_UNUSED(seed_error_set(&error, -result->err, "%s: %s", copy->name, strerror(-result->err)));
	stop_all(copy, result->err, &error);
	return true;
}

/* ---- folders ---- */

static bool is_below(const char *name, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(name, folder, len) == 0 && name[len] == '/';
}

static bool is_below_refused(const struct adoption *adoption, const char *name)
{
	for (size_t i = 0; i < adoption->refused.count; i++)
		if (is_below(name, adoption->refused.items[i]))
			return true;
	return false;
}

/* With all that is below it. */
static void leave_folder(struct copy *copy)
{
	struct adoption *adoption = copy->adoption;

	adoption->counts->refused++;
	/* There is room: survey.folders has as many. */
	adoption->refused.items[adoption->refused.count++] = (char *)(uintptr_t)copy->name;
	become_idle(copy);
}

static void refuse_folder(struct copy *copy)
{
	complain(copy->adoption, "%s: a folder here, and a prompt in the bucket; all of it is left as it is: rename one of them",
		 copy->name);
	leave_folder(copy);
}

static void on_folder(void *context, const struct seed_share_result *result)
{
	struct copy *copy = context;

	if (failed(copy, result))
		return;
	if (result->err && !result->entry->folder) {
		refuse_folder(copy);
		return;
	}
	copy->adoption->counts->folders++;
	copy->adoption->counts->folders_made += !result->err;
	become_idle(copy);
}

static void make_folder(struct copy *copy)
{
	struct seed_share_request request = { .verb = SEED_SHARE_MAKE_FOLDER };

	ask(copy, &request, on_folder);
}

/* ---- entries ---- */

static void on_read(void *context, const struct seed_share_result *result)
{
	struct copy *copy = context;
	struct seed_error error;

	if (failed(copy, result))
		return;
	if (result->entry->serial && seed_adopt_entry_is_in(&copy->entry, result->entry)) {
		copy->adoption->counts->there++;
		end_name(copy);
	} else if (seed_share_copy(&copy->there, result->entry, NULL)) {
		SEED_UNUSED(seed_error_set(&error, ENOMEM, "out of memory"));
		stop_all(copy, -ENOMEM, &error);
	} else {
		copy->picture = 0;
		go_to(copy, LOAD);
	}
}

static void read_there(struct copy *copy)
{
	struct seed_share_request request = { .verb = SEED_SHARE_READ };

	ask(copy, &request, on_read);
}

static void on_created(void *context, const struct seed_share_result *result)
{
	struct copy *copy = context;

	if (failed(copy, result))
		return;
	if (!result->err) {
		copy->adoption->counts->copied++;
		end_name(copy);
	} else if (seed_adopt_entry_is_in(&copy->entry, result->entry)) {
		copy->adoption->counts->there++;
		end_name(copy);
	} else {
		refuse_differing(copy);
	}
}

/* Whether hosts could read it, and change it. */
static bool fits(const struct seed_share_entry *entry)
{
	char *text = seed_share_format(entry);
	bool fits = text && seed_share_fits(entry, strlen(text), true);

	free(text);
	return fits;
}

static void create(struct copy *copy)
{
	struct seed_share_request request = { .verb = SEED_SHARE_CREATE, .from = &copy->entry.entry };

	if (!fits(&copy->entry.entry)) {
		complain(copy->adoption, "%s: its history has too many versions for one object; it is left as it is: mount "
			 "it without store= and with history=1000, write its prompt again, and then go on", copy->name);
		refuse_name(copy);
		return;
	}
	ask(copy, &request, on_created);
}

/* Its pictures are there, or bad. */
static void conclude(struct copy *copy)
{
	seed_adopt_entry_drop_bad(&copy->entry);
	if (copy->there.serial && seed_adopt_entry_is_in(&copy->entry, &copy->there)) {
		copy->adoption->counts->there++;
		end_name(copy);
	} else if (copy->there.serial) {
		refuse_differing(copy);
	} else if (seed_adopt_entry_is_empty(&copy->entry)) {
		end_name(copy);
	} else {
		go_to(copy, CREATE);
	}
}

/* ---- pictures ---- */

static struct seed_adopt_picture *picture_of(const struct copy *copy)
{
	return &copy->entry.pictures[copy->picture];
}

static void next_picture(struct copy *copy)
{
	drop_data(copy);
	copy->picture++;
	go_to(copy, LOAD);
}

static void key_of(const struct copy *copy, char key[sizeof("image/") + SEED_SHA256_HEX_BYTES])
{
	(void)snprintf(key, sizeof("image/") + SEED_SHA256_HEX_BYTES, "image/%s",
		       seed_adopt_row_of(&copy->entry, picture_of(copy))->image.sha256);
}

/* False: it waits until others have been sent. */
static bool reserve(struct copy *copy, uint64_t bytes)
{
	struct adoption *adoption = copy->adoption;

	if (adoption->held_bytes && adoption->held_bytes + bytes > SEED_ADOPT_HELD_BYTES)
		return false;
	adoption->held_bytes += bytes;
	copy->held_bytes = (size_t)bytes;
	return true;
}

static void load(struct copy *copy)
{
	struct adoption *adoption = copy->adoption;
	struct seed_adopt_picture *picture = picture_of(copy);
	struct seed_error error;
	errint_t err;

	err = seed_adopt_picture_load(adoption->config->store, &copy->entry, picture, &copy->data, &copy->bytes,
				      &error);
	if (err == -EBADMSG) {
		picture->is_bad = true;
		say(&adoption->config->problems, error.message);
		next_picture(copy);
	} else if (err) {
		stop_all(copy, err, &error);
	} else if (copy->there.serial) { /* it is only looked at */
		next_picture(copy);
	} else {
		go_to(copy, LOOK);
	}
}

/* False: there is no room for the picture now. */
static bool load_next(struct copy *copy)
{
	if (copy->picture == copy->entry.count)
		conclude(copy);
	else if (reserve(copy, seed_adopt_row_of(&copy->entry, picture_of(copy))->image.bytes))
		load(copy);
	else
		return false;
	return true;
}

static void on_looked(void *context, struct seed_s3_answer *answer)
{
	struct copy *copy = context;

	copy->sent = NULL;
	if (answer->outcome == SEED_S3_DONE)
		next_picture(copy);
	else if (answer->outcome == SEED_S3_NONE)
		go_to(copy, SEND);
	else
		again(copy, LOOK, answer);
}

static void look(struct copy *copy)
{
	char key[sizeof("image/") + SEED_SHA256_HEX_BYTES];
	const struct seed_s3_get get = { .key = key, .head = true };
	errint_t err;

	key_of(copy, key);
	err = seed_s3_get(copy->adoption->config->s3, &get, seed_clock_now_ms() + ASK_MS, on_looked, copy,
			  &copy->sent);
	if (err)
		cannot_start(copy, LOOK, err);
	else
		wait_for_answer(copy);
}

static void on_sent(void *context, struct seed_s3_answer *answer)
{
	struct copy *copy = context;
	struct seed_adopt_counts *counts = copy->adoption->counts;

	copy->sent = NULL;
	if (answer->outcome != SEED_S3_DONE) {
		again(copy, SEND, answer);
		return;
	}
	counts->images_sent++;
	counts->bytes_sent += copy->bytes;
	next_picture(copy);
}

static void send_picture(struct copy *copy)
{
	char key[sizeof("image/") + SEED_SHA256_HEX_BYTES];
	const struct seed_s3_put put = {
		.key = key,
		.data = copy->data,
		.bytes = copy->bytes,
		.sha256 = seed_adopt_row_of(&copy->entry, picture_of(copy))->image.sha256,
	};
	errint_t err;

	key_of(copy, key);
	err = seed_s3_put(copy->adoption->config->s3, &put, seed_clock_now_ms() + seed_s3_image_ms(copy->bytes),
			  on_sent, copy, &copy->sent);
	if (err)
		cannot_start(copy, SEND, err);
	else
		wait_for_answer(copy);
}

/* ---- what comes next ---- */

static void begin_name(struct copy *copy)
{
	struct adoption *adoption = copy->adoption;
	struct seed_error error;
	errint_t err;

	copy->name = adoption->survey.names.items[adoption->next_name++];
	if (seed_text_check_stored_name(copy->name)) {
		complain(adoption, "%s: a file in the state directory, and no name of seedfs; it is left as it is: "
			 "move it away", copy->name);
		refuse_name(copy);
		return;
	}
	if (is_below_refused(adoption, copy->name)) {
		adoption->counts->names++;
		adoption->counts->refused++;
		return;
	}
	err = seed_adopt_entry_read(adoption->config->store, copy->name, &adoption->config->problems, &copy->entry,
				    &error);
	if (err == -EBADMSG) {
		complain(adoption, "%s; the name is left as it is", error.message);
		refuse_name(copy);
	} else if (err) {
		stop_all(copy, err, &error);
	} else if (seed_adopt_entry_is_empty(&copy->entry)) {
		end_name(copy);
	} else {
		go_to(copy, READ);
	}
}

static void begin_folder(struct copy *copy)
{
	struct adoption *adoption = copy->adoption;

	copy->name = adoption->survey.folders.items[adoption->next_folder++];
	if (is_below_refused(adoption, copy->name)) {
		adoption->counts->refused++;
	} else if (seed_text_check_stored_name(copy->name)) {
		complain(adoption, "%s: a folder in the state directory that cannot be one of seedfs; all of it is left "
			 "as it is: move it away", copy->name);
		leave_folder(copy);
	} else {
		go_to(copy, FOLDER);
	}
}

static bool all_idle(const struct adoption *adoption)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (adoption->copies[i].step != IDLE)
			return false;
	return true;
}

/* False: nothing is left for this one now. Folders come first, since one that is a prompt in the
 * bucket keeps all below it back. */
static bool begin_next(struct copy *copy)
{
	struct adoption *adoption = copy->adoption;

	if (adoption->err)
		return false;
	if (adoption->next_folder < adoption->survey.folders.count) {
		begin_folder(copy);
		return true;
	}
	if (adoption->next_name == adoption->survey.names.count || (!adoption->next_name && !all_idle(adoption)))
		return false;
	begin_name(copy);
	return true;
}

/* One step; false: it waits. */
static bool advance(struct copy *copy, int64_t now_ms)
{
	switch (copy->step) {
	case IDLE:
		return begin_next(copy);
	case FOLDER:
		make_folder(copy);
		break;
	case READ:
		read_there(copy);
		break;
	case LOAD:
		return load_next(copy);
	case LOOK:
		look(copy);
		break;
	case SEND:
		send_picture(copy);
		break;
	case CREATE:
		create(copy);
		break;
	case WAIT:
		if (now_ms < copy->wake_ms)
			return false;
		copy->step = copy->again;
	}
	return true;
}

/* Each at most one step, so that answers are taken between pictures. */
static bool advance_all(struct adoption *adoption, int64_t now_ms)
{
	bool moved = false;

	for (size_t i = 0; i < AT_ONCE && !adoption->err; i++)
		moved = advance(&adoption->copies[i], now_ms) || moved;
	return moved;
}

static void turn(struct adoption *adoption)
{
	int64_t now_ms = seed_clock_now_ms(), at_ms;
	bool moved = advance_all(adoption, now_ms);

	report_progress(adoption, now_ms);
	(void)seed_s3_role_turn(adoption->role, now_ms);
	at_ms = seed_share_turn(adoption->share, now_ms);
	if (moved)
		at_ms = now_ms;
	else if (at_ms > now_ms + LOOK_MS)
		at_ms = now_ms + LOOK_MS;
	seed_net_wait(adoption->config->net, NULL, 0, at_ms > now_ms ? at_ms - now_ms : 0);
	seed_net_turn(adoption->config->net);
}

static bool is_over(const struct adoption *adoption)
{
	return adoption->err || *adoption->config->stop ||
	       (adoption->next_folder == adoption->survey.folders.count &&
		adoption->next_name == adoption->survey.names.count && all_idle(adoption));
}

static void cancel(struct copy *copy)
{
	if (copy->asked)
		seed_share_cancel(copy->asked);
	if (copy->sent)
		seed_s3_cancel(copy->sent);
	become_idle(copy);
}

static errint_t copy_all(struct adoption *adoption, struct seed_error *error)
{
	adoption->report_ms = seed_clock_now_ms() + REPORT_MS;
	while (!is_over(adoption))
		turn(adoption);
	if (adoption->err) {
		*error = adoption->error;
		return adoption->err;
	}
	return *adoption->config->stop ? seed_error_set(error, EINTR, "it was stopped") : 0;
}

static void on_role(void *context, const char *line)
{
	complain(context, "%s", line);
}

static errint_t prepare(struct adoption *adoption, struct seed_error *error)
{
	const struct seed_adopt_config *config = adoption->config;
	errint_t err = seed_adopt_survey(config->store, &adoption->survey, error);

	if (err)
		return err;
	adoption->counts->names_total = adoption->survey.names.count;
	adoption->refused.items = calloc(adoption->survey.folders.count + 1, sizeof(char *));
	if (!adoption->refused.items)
		return seed_error_set(error, ENOMEM, "out of memory");
	err = seed_s3_role_new(config->net, config->credentials, on_role, adoption, &adoption->role);
	if (err)
		return seed_error_set(error, -err, "%s", strerror(-err));
	/* All versions: what is to go goes when hosts mount. */
	err = seed_share_new(config->s3, config->host, LEASE_S, -1, &adoption->share);
	return err ? seed_error_set(error, -err, "%s", strerror(-err)) : 0;
}

errint_t seed_adopt_run(const struct seed_adopt_config *config, struct seed_adopt_counts *counts,
			struct seed_error *error)
{
	struct adoption adoption = { .config = config, .counts = counts };
	errint_t err;

	*counts = (struct seed_adopt_counts){ .names = 0 };
	for (size_t i = 0; i < AT_ONCE; i++) {
		adoption.copies[i].adoption = &adoption;
		seed_share_init(&adoption.copies[i].there);
		seed_share_init(&adoption.copies[i].entry.entry);
	}
	err = prepare(&adoption, error);
	if (!err)
		err = copy_all(&adoption, error);
	for (size_t i = 0; i < AT_ONCE; i++)
		cancel(&adoption.copies[i]);
	seed_share_free(adoption.share);
	seed_s3_role_free(adoption.role);
	free(adoption.refused.items);
	seed_adopt_survey_release(&adoption.survey);
	return err;
}
