/*
 * Every limit on what a user or the network can make seedfs hold, in one
 * list, each with its reason.
 */
#ifndef SEED_LIMITS_H
#define SEED_LIMITS_H

enum {
	/* `man seed`: NAME is 1 to 250 bytes; with ".json" it fits NAME_MAX (255). */
	SEED_NAME_PART_MAX_BYTES = 250,
	/* `man seed`: a path has at most 16 parts and 1,024 bytes. */
	SEED_NAME_MAX_PARTS = 16,
	SEED_NAME_MAX_BYTES = 1024,
	/* `man seed`: a prompt is at most 32 KiB. */
	SEED_PROMPT_MAX_BYTES = 32 * 1024,
	/* A scratch file is a draft of a prompt or an editor's swap of one. */
	SEED_SCRATCH_MAX_BYTES = 1024 * 1024,
	/* `man seed`: all of them together; each takes whole blocks, so that their
	 * number is bounded, too. */
	SEED_SCRATCH_ALL_BYTES = 64 * 1024 * 1024,
	SEED_SCRATCH_BLOCK_BYTES = 4096,
	/* `man seed`: one that nobody has open expires. */
	SEED_SCRATCH_HOURS = 24,
	/* `man seed`: what prompts that are open for writing hold, all together: ten thousand writers may
	 * wait, with the longest text, and half as many again. And callbacks, of whoever sends them. */
	SEED_PROMPT_DRAFTS_ALL_BYTES = 512 * 1024 * 1024,
	SEED_CALLBACK_DRAFTS_ALL_BYTES = 64 * 1024 * 1024,
	/* And those that were committed while something ran for their name, until it ends. Each counts
	 * for its text and so much. */
	SEED_CALLBACKS_LATER_ALL_BYTES = 64 * 1024 * 1024,
	SEED_CALLBACK_LATER_BYTES = 1024,
	/* Texts and listings of open files and folders: a hundred listings of a hundred thousand names.
	 * Opens of one gallery share it. */
	SEED_HELD_ALL_BYTES = 256 * 1024 * 1024,
	/* A webhook's body; the largest seen in documents is under 8 KiB. */
	SEED_CALLBACK_MAX_BYTES = 256 * 1024,
	/* An API's answer: a 4096x4096 PNG in base64 is under 64 MiB. */
	SEED_ANSWER_MAX_BYTES = 96 * 1024 * 1024,
	/* All answers that are held at once, and the pictures out of them until they are verified or
	 * on disk: a quarter of the machine's memory, and so much at least (seed_net_share_bytes()).
	 * Ordinary ones of 32 jobs wait for nobody, and what is beyond that has a part for each kind
	 * (lib/net/room.h). When that is full, one answer of the kind is received at a time, so there
	 * may be one more of each; and each answer that waits holds some 100 KiB, which is what was read
	 * last, and the state of what unpacks it. */
	SEED_ANSWERS_ALL_BYTES = 960 * 1024 * 1024,
	/* What comes before an answer's body and behind it, all lines together, each with what curl takes
	 * to remember it. Services send some 4 KiB, in 50 lines. */
	SEED_ANSWER_HEAD_MAX_BYTES = 256 * 1024,
	SEED_ANSWER_LINE_BYTES = 128,
	/* An ordinary answer or picture: 2048x1152 has 7 MB at most as a PNG, and 9.4 in base64. */
	SEED_ANSWER_ORDINARY_BYTES = 12 * 1024 * 1024,
	/* An answer to a look at a task's progress, of which many may come: ComfyUI's
	 * queue holds the workflow of each job, about 100 KiB. */
	SEED_LOOK_MAX_BYTES = 4 * 1024 * 1024,
	/* An answer that is read on the engine's own thread (a thousandth of a second), and that never
	 * waits for room. */
	SEED_ANSWER_SMALL_BYTES = 64 * 1024,
	/* A downloaded picture, before anything in it is believed. */
	SEED_DOWNLOAD_MAX_BYTES = 64 * 1024 * 1024,
	/* Images of callbacks that are looked at at once: whoever sends callbacks decides how many
	 * there are and how slowly they come. Each takes up to
	 * five descriptors; as many as `jobs` is by default. */
	SEED_ADOPTIONS_MAX = 32,
	/* Descriptors of a generation: a connection, or the picture twice, its destination and the
	 * worker's job; a file at a disk thread. And those that the program has beside: logs and
	 * folders, 17 workers' two, threads' files, kept connections. What
	 * is left of the limit is for images that users have open, but half of it in any case. */
	SEED_JOB_DESCRIPTORS = 5,
	SEED_OWN_DESCRIPTORS = 128,
	/* Side of a picture: above every service's largest (ComfyUI 16384). */
	SEED_IMAGE_MAX_SIDE = 16384,
	/* Area: 4096x4096 is the largest that a service sells, four times that. */
	SEED_IMAGE_MAX_PIXELS = 64 * 1024 * 1024,
	/* An image as it is stored: SEED_IMAGE_MAX_PIXELS of three bytes that nothing makes smaller, and texts. What
	 * is larger in an image's place is none, and is not read to its end. */
	SEED_STORED_MAX_BYTES = 256 * 1024 * 1024,
	/* A colour profile: as much as a JPEG can hold (255 segments). */
	SEED_PROFILE_MAX_BYTES = 16 * 1024 * 1024,
	/* `man seed`: the source's own texts, as they are read; and how many. */
	SEED_SOURCE_TEXTS_MAX_BYTES = 256 * 1024,
	SEED_SOURCE_TEXTS_MAX = 256,
	/* A thumbnail that another host made: those of ours have some 30 KB. */
	SEED_THUMB_MAX_BYTES = 1024 * 1024,
	/* A URL that a service may hand us (signed URLs reach 2 KiB). */
	SEED_URL_MAX_BYTES = 8 * 1024,
	/* Redirects followed when an image is downloaded. */
	SEED_REDIRECTS_MAX = 5,
	/* Credits or money that one image may cost; more is a mistake of the service. */
	SEED_COST_MAX = 1000 * 1000 * 1000,
	/* Retry-After, in seconds: no service means more than a year. */
	SEED_RETRY_AFTER_MAX_SECONDS = 366 * 24 * 3600,
	/* A message of a service that goes into the log and the record. */
	SEED_MESSAGE_MAX_BYTES = 480,
	/* A key file; keys are under 200 bytes. */
	SEED_KEY_MAX_BYTES = 4096,
	/* Processor time of a worker for one picture: a progressive CMYK JPEG of
	 * SEED_IMAGE_MAX_PIXELS takes four seconds, and a PNG of 16 bits in another
	 * colour space 10 to 17; there are slower machines. Half of it is a judgement,
	 * too, where it takes all the time that a look may take (lib/worker/pool.c). */
	SEED_WORKER_CPU_SECONDS = 40,
	/* Address space of a worker. Of pictures of SEED_IMAGE_MAX_PIXELS that JPEG
	 * needs 700 MB, a lossless WebP with alpha 800, and so does a PNG of 16 bits in
	 * another colour space. */
	SEED_WORKER_MEMORY_MAX_BYTES = 1536 * 1024 * 1024,
	/* What a worker may write: a result without any compression, and texts. */
	SEED_WORKER_FILE_MAX_BYTES = 256 * 1024 * 1024,
	/* Standard ones, its socket, its size, a job's three. */
	SEED_WORKER_DESCRIPTORS_MAX = 8,
	/* A record on disk: prompt twice in JSON escapes, and the attempts. */
	SEED_RECORD_MAX_BYTES = 1024 * 1024,
};

#endif
