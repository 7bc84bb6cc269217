#include "lib/engine/disk.h"

#include <pthread.h>
#include <signal.h>

struct lane {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t ready;
	struct seed_disk_job *first, **last;
	bool ending;
};

struct seed_disk {
	int count;
	struct lane lanes[];
};

static struct seed_disk_job *lane_take(struct lane *lane)
{
	struct seed_disk_job *job;

	pthread_mutex_lock(&lane->mutex);
	while (!lane->first && !lane->ending)
		pthread_cond_wait(&lane->ready, &lane->mutex);
	job = lane->first;
	if (job) {
		lane->first = job->next;
		if (!lane->first)
			lane->last = &lane->first;
	}
	pthread_mutex_unlock(&lane->mutex);
	return job;
}

static void *lane_main(void *argument)
{
	struct lane *lane = argument;
	struct seed_disk_job *job;

	while ((job = lane_take(lane)) != NULL)
		job->run(job);
	return NULL;
}

static errint_t lane_start(struct lane *lane)
{
	sigset_t all, before;
	int err;

	pthread_mutex_init(&lane->mutex, NULL);
	pthread_cond_init(&lane->ready, NULL);
	lane->last = &lane->first;
	/* Signals belong to the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&lane->thread, NULL, lane_main, lane);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

errint_t seed_disk_new(int threads, struct seed_disk **out)
{
	struct seed_disk *disk;
	errint_t err;

	disk = calloc(1, sizeof(*disk) + (size_t)threads * sizeof(disk->lanes[0]));
	if (!disk)
		return -ENOMEM;
	for (; disk->count < threads; disk->count++) {
		err = lane_start(&disk->lanes[disk->count]);
		if (err) {
			seed_disk_free(disk);
			return err;
		}
	}
	*out = disk;
	return 0;
}

void seed_disk_free(struct seed_disk *disk)
{
	if (!disk)
		return;
	for (int i = 0; i < disk->count; i++) {
		struct lane *lane = &disk->lanes[i];

		pthread_mutex_lock(&lane->mutex);
		lane->ending = true;
		pthread_cond_signal(&lane->ready);
		pthread_mutex_unlock(&lane->mutex);
	}
	for (int i = 0; i < disk->count; i++) {
		pthread_join(disk->lanes[i].thread, NULL);
		pthread_mutex_destroy(&disk->lanes[i].mutex);
		pthread_cond_destroy(&disk->lanes[i].ready);
	}
	free(disk);
}

void seed_disk_submit(struct seed_disk *disk, uint64_t lane_key, struct seed_disk_job *job)
{
	struct lane *lane = &disk->lanes[lane_key % (uint64_t)disk->count];

	job->next = NULL;
	pthread_mutex_lock(&lane->mutex);
	*lane->last = job;
	lane->last = &job->next;
	pthread_cond_signal(&lane->ready);
	pthread_mutex_unlock(&lane->mutex);
}

uint64_t seed_disk_lane(const char *name)
{
	uint64_t hash = 14695981039346656037u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 1099511628211u;
	return hash ^ (hash >> 32);
}
