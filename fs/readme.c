#include "fs/fs.h"

static const char readme_text[] =
	"This is a seedfs mount: writing a text here makes a picture.\n"
	"    echo \"a red fox in deep snow\" > prompts/fox     waits until the picture is there\n"
	"    cat images/fox.png > fox.png                   the picture, checked, exactly sized\n"
	"Opening images/NAME.png waits while it is being generated, or gives the error.\n"
	"A shell's echo does not report errors of close(): cp, tee and dd do, or use\n"
	"    sync prompts/fox && echo done                  waits and reports\n"
	"status            the log (tail -f works): what happened to each prompt, and why\n"
	"records/NAME.json the facts about NAME: state, image_url, resolution, attempts, error\n"
	"history/NAME/     earlier pictures; rm prompts/NAME cancels what is running\n"
	"Looking (ls, stat, find) never generates and never costs anything. Manual: man seed\n";

static errint_t readme_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			       double *timeout_s)
{
	attributes_made(fs, inode, sizeof(readme_text) - 1, fs->started, st);
	*timeout_s = 3600;
	return 0;
}

static void readme_open(struct fs *fs, fuse_req_t req, struct handle *handle)
{
	SEED_UNUSED(fs);
	handle->fi.keep_cache = 1;
	reply_open(req, handle, 0);
}

static void readme_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size,
			off_t offset)
{
	SEED_UNUSED(fs);
	SEED_UNUSED(handle);
	reply_part(req, readme_text, sizeof(readme_text) - 1, size, offset);
}

const struct node_type readme_file = {
	.getattr = readme_getattr,
	.open = readme_open,
	.read = readme_read,
};
