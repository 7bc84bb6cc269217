/* Fuzz target: any lines as the words of a command line. */
#include "tests/fuzz/fuzz.h"

#include <fuse_opt.h>

#include "fs/options.h"
#include "lib/s3/key.h"

enum { WORDS_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = text_of(data, len), *words[WORDS_MAX + 1] = {NULL};
	struct seed_error error = {0};
	struct options options;
	struct fuse_args args;
	char name[] = "seedfs";
	int count = 0;
	errint_t err;

	words[count++] = name;
	for (char *at = text, *word; count < WORDS_MAX && (word = strsep(&at, "\n")) != NULL;)
		words[count++] = word;
	args = (struct fuse_args)FUSE_ARGS_INIT(count, words);
	err = options_parse(&options, &args, &error);
	CHECK(err == 0 || err == -EINVAL || err == -EDOM);
	CHECK(!err || error.message[0]);
	if (!err && options.shared.bucket)
		CHECK(seed_s3_is_bucket(options.shared.bucket) && options.shared.url &&
		      (!options.shared.prefix[0] || seed_s3_key_is_plain(options.shared.prefix)));
	options_release(&options);
	fuse_opt_free_args(&args);
	free(text);
	return 0;
}
