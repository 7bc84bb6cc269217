#include "lib/page/assets.h"

#include <openssl/evp.h>

/* The assemblers of gcc and clang both have .incbin. They look for the file from the top of
 * the project, where make runs. */
#define INCLUDE(symbol, file) \
	__asm__(".pushsection .rodata\n.globl " #symbol "\n" #symbol ":\n" \
		".incbin \"" file "\"\n.byte 0\n.popsection\n")

INCLUDE(seed_page_css, "lib/page/page.css");
INCLUDE(seed_page_js, "lib/page/page.js");

errint_t seed_page_hash(const char *text, char hash[SEED_PAGE_HASH_BYTES])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	static_assert(sizeof("sha256-") + 4 * ((32 + 2) / 3) <= SEED_PAGE_HASH_BYTES, "base64");
	if (!EVP_Digest(text, strlen(text), sum, &len, EVP_sha256(), NULL))
		return -ENOMEM;
	memcpy(hash, "sha256-", 7);
	EVP_EncodeBlock((unsigned char *)hash + 7, sum, (int)len);
	return 0;
}
