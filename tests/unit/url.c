#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/base/url.h"

static void test_check(void **state)
{
	static const struct {
		const char *url;
		errint_t result;
	} cases[] = {
		{"https://api.kie.ai", 0},
		{"http://127.0.0.1:8188/prompt", 0},
		{"HTTPS://Host/Path?a=b&c=%20#frag", 0},
		{"https://[::1]:8080/x", 0},
		{"https://host/\xc3\xa9", 0},
		{"", -EINVAL},
		{"https://", -EINVAL},
		{"api.kie.ai", -EINVAL},
		{"/path", -EINVAL},
		{"ftp://host/x", -EINVAL},
		{"file:///etc/passwd", -EINVAL},
		{"data:image/png;base64,AAAA", -EINVAL},
		{"gopher://host/", -EINVAL},
		{"javascript:alert(1)", -EINVAL},
		{"https://user@host/", -EINVAL},
		{"https://user:pass@host/", -EINVAL},
		{"https://:pass@host/", -EINVAL},
		{"https://host/a b", -EINVAL},
		{"https://host/a\nb", -EINVAL},
		{"https://host/a\r\nX: y", -EINVAL},
		{"https://host/\x7f", -EINVAL},
		{"https://host/\x01", -EINVAL},
		{"https://host/\xc2\x85", -EINVAL},
		{"https://host/\xe2\x80\xae", -EINVAL},
		{"https://host/\u200f", -EINVAL},
		{"https://\xe2\x81\xa6/", -EINVAL},
		{" https://host/", -EINVAL},
		{"https://host/\xff", -EINVAL},
		{"https://host:99999/", -EINVAL},
		{"https://host:port/", -EINVAL},
		{"https://[::1/", -EINVAL},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		if (seed_url_check(cases[i].url) != cases[i].result)
			fail_msg("%s", cases[i].url);
}

static void test_check_length(void **state)
{
	static char url[SEED_URL_MAX_BYTES + 2] = "https://host/";

	SEED_UNUSED(state);
	memset(url + 13, 'x', SEED_URL_MAX_BYTES - 13);
	assert_int_equal(seed_url_check(url), 0);
	url[SEED_URL_MAX_BYTES] = 'x';
	assert_int_equal(seed_url_check(url), -EINVAL);
}

static void test_redacted(void **state)
{
	static const struct {
		const char *url, *shown;
	} cases[] = {
		{"https://host/a/b.png", "https://host/a/b.png"},
		{"https://host/a.png?X-Amz-Signature=secret", "https://host/a.png?…"},
		{"https://host/a.png?x#frag", "https://host/a.png?…"},
		{"https://host/a.png#access_token=secret", "https://host/a.png"},
		{"https://user:secret@host:8443/a", "https://host:8443/a"},
		{"https://user@host", "https://host/"},
		{"http://[::1]:80/x?y", "http://[::1]:80/x?…"},
		{"not a URL ?secret", "(invalid URL)"},
		{"", "(invalid URL)"},
		{"https://host/a b?secret", "(invalid URL)"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		char *shown = seed_url_redacted(cases[i].url);

		assert_non_null(shown);
		assert_string_equal(shown, cases[i].shown);
		free(shown);
	}
}

static void test_scrub(void **state)
{
	static const struct {
		const char *text, *key, *scrubbed;
	} cases[] = {
		{"", NULL, ""},
		{"nothing here?", "", "nothing here?"},
		{"what? http: // no?", NULL, "what? http: // no?"},
		{"key sk-12345 is bad", "sk-12345", "key ******** is bad"},
		{"sk-12345sk-12345", "sk-12345", "****************"},
		{"abcabcab", "abca", "****bcab"},
		{"abcd", "abcd", "****"},
		{"abc is short", "abc", "abc is short"},
		{"get https://h/p?sig=1 failed", NULL, "get https://h/p****** failed"},
		{"HTTP://h?a=b", NULL, "HTTP://h****"},
		{"https://h/p no query?", NULL, "https://h/p no query?"},
		{"(https://h/p?x)y", NULL, "(https://h/p**)y"},
		{"<https://h/p?x>y", NULL, "<https://h/p**>y"},
		{"\"https://h/p?x\"y", NULL, "\"https://h/p**\"y"},
		{"'https://h/p?x'y", NULL, "'https://h/p**'y"},
		{"`https://h/p?x`y", NULL, "`https://h/p**`y"},
		{"https://h/p?x\ty\nhttps://h/?z", NULL, "https://h/p**\ty\nhttps://h/**"},
		{"https://h/p?a?b#c https://i?d", NULL, "https://h/p****** https://i**"},
		{"https://h/\"? not its query", NULL, "https://h/\"? not its query"},
		{"{\"url\":\"https:\\/\\/h\\/p?x=1\"}", NULL, "{\"url\":\"https:\\/\\/h\\/p****\"}"},
		{"http:\\/\\/h?x", NULL, "http:\\/\\/h**"},
		{"https://h/?next=https://i/?k", NULL, "https://h/******************"},
		{"https://h/sk-12345?k=sk-12345", "sk-12345", "https://h/*******************"},
		{"https://h/?k=é end", NULL, "https://h/***** end"},
		{"httphttps://h?x", NULL, "httphttps://h**"},
		{"http", NULL, "http"},
		{"s3://bucket/p?sig=1 and //h/p?sig=1", NULL, "s3://bucket/p****** and //h/p******"},
		{"redis://me:secret@h:6379/0 https://a:b@h/?c", NULL,
		 "redis://*********@h:6379/0 https://***@h/**"},
		{"https:\\/\\/me:secret@h\\/p", NULL, "https:\\/\\/*********@h\\/p"},
		{"https://h/p#section https://h/p#token=1", NULL, "https://h/p#section https://h/p********"},
		{"mail@host // what? a//b", NULL, "mail@host // what? a//b"},
		{"bad key sk-123", "sk-12345", "bad key ******"},
		{"sk-12345 bad key sk-1", "sk-12345", "******** bad key ****"},
		{"bad key sk-", "sk-12345", "bad key sk-"},
		{"sk-12345", "sk-12345sk-1", "********"},
		{"a\\u0073k\\u002D1\\/2345b", "sk-1/2345", "a********************b"},
		{"\\\\u0073k-1\\\\\\/2345", "sk-1/2345", "******************"},
		{"k=sk%2d1%2F2345&", "sk-1/2345", "k=*************&"},
		{"sk%41%2541", "sk%41", "*****%2541"},
		{"at sk%2541", "sk%41", "at *******"},
		{"at sk%25 sk%2525", "sk%25", "at ***** *******"},
		{"cut: sk%2D1%2", "sk-1/2345", "cut: ********"},
		{"sk%2d1/2346 \\u0073k %73k", "sk-1/2345", "sk%2d1/2346 \\u0073k %73k"},
		{"\\\\\\\\\\\\\\\\\\\\", "sk-1/2345", "\\\\\\\\\\\\\\\\\\\\"},
		{"\\u006", "nothing", "\\u006"},
		{"\\nothing%6", "nothing", "********%6"},
		{"a\\u002573\\u0025\\u0036Bz", "skz", "a\\u002573\\u0025\\u0036Bz"},
		{"a\\u002573\\u0025\\u0036B-1\\u00252f2345b", "sk-1/2345", "a***********************************b"},
		{"\\%73\\\\u00256b-1/2345", "sk-1/2345", "********************"},
		{"cut: \\u002573k-1\\u0025\\u003", "sk-1/2345", "cut: **********************"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "%s", cases[i].text);
		seed_url_scrub(text, cases[i].key);
		assert_string_equal(text, cases[i].scrubbed);
	}
}

static void test_scrub_bytes(void **state)
{
	char bytes[] = "\0key-\0key-1key-1\0key-";

	SEED_UNUSED(state);
	seed_url_scrub_bytes(bytes, sizeof(bytes), "key-1");
	assert_memory_equal(bytes, "\0key-\0**********\0key-", sizeof(bytes));
	seed_url_scrub_bytes(bytes, sizeof(bytes), "");
	assert_memory_equal(bytes, "\0key-\0**********\0key-", sizeof(bytes));
}

static void test_same_host(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{"https://h/a", "https://h/b?c", true},
		{"https://H.example/", "HTTPS://h.EXAMPLE/", true},
		{"https://h:443/", "https://h/", true},
		{"http://h:80/", "http://h/", true},
		{"http://h:8080/", "http://h:8080/x", true},
		{"http://127.1/", "http://127.0.0.1/", true},
		{"https://h/", "http://h/", false},
		{"https://h:80/", "http://h:80/", false},
		{"http://h:81/", "http://h/", false},
		{"https://h/", "https://h.example/", false},
		{"https://h/", "https://hh/", false},
		{"https://h.evil/", "https://h/", false},
		{"https://h@evil/", "https://h/", false},
		{"nonsense", "https://h/", false},
		{"https://h/", "nonsense", false},
		{"", "", false},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		bool same;

		assert_int_equal(seed_url_same_host(cases[i].a, cases[i].b, &same), 0);
		assert_int_equal(same, cases[i].same);
	}
}

static const struct {
	const char *text;
	bool private;
} addresses[] = {
	{"127.0.0.1", true},	 {"127.255.255.255", true}, {"126.255.255.255", false},
	{"128.0.0.1", false},	 {"0.0.0.0", true},	    {"0.255.255.255", true},
	{"1.0.0.0", false},	 {"10.0.0.0", true},	    {"10.255.255.255", true},
	{"9.255.255.255", false}, {"11.0.0.0", false},	    {"100.63.255.255", false},
	{"100.64.0.0", true},	 {"100.127.255.255", true}, {"100.128.0.0", false},
	{"169.253.255.255", false}, {"169.254.0.0", true},  {"169.254.169.254", true},
	{"169.255.0.0", false},	 {"172.15.255.255", false}, {"172.16.0.0", true},
	{"172.31.255.255", true}, {"172.32.0.0", false},    {"192.0.0.1", true},
	{"192.0.1.0", false},	 {"192.0.2.1", true},	    {"192.0.3.0", false},
	{"192.88.98.255", false}, {"192.88.99.1", true},    {"192.88.100.0", false},
	{"192.167.255.255", false}, {"192.168.0.0", true},  {"192.168.255.255", true},
	{"192.169.0.0", false},	 {"198.17.255.255", false}, {"198.18.0.0", true},
	{"198.19.255.255", true}, {"198.20.0.0", false},    {"198.51.99.255", false},
	{"198.51.100.7", true},	 {"198.51.101.0", false},   {"203.0.112.255", false},
	{"203.0.113.7", true},	 {"203.0.114.0", false},    {"223.255.255.255", false},
	{"224.0.0.1", true},	 {"239.255.255.255", true}, {"240.0.0.1", true},
	{"255.255.255.255", true}, {"8.8.8.8", false},	    {"93.184.216.34", false},

	{"::", true},		 {"::1", true},		    {"::7f00:1", true},
	{"::ffff:127.0.0.1", true}, {"::ffff:8.8.8.8", false}, {"::ffff:0:8.8.8.8", true},
	{"::ffff:10.1.2.3", true}, {"64:ff9b::8.8.8.8", false}, {"64:ff9b::192.168.1.1", true},
	{"64:ff9b:1::1", true},	 {"100::1", true},	    {"1fff::1", true},
	{"2000::1", false},	 {"2001::1", true},	    {"2001:1ff::1", true},
	{"2001:200::1", false},	 {"2001:db8::1", true},	    {"2001:db9::1", false},
	{"2001:db7::1", false},	 {"2002:0a00:0001::1", true}, {"2002:0808:0808::1", false},
	{"2002:7f00:0001::", true}, {"2606:4700::1111", false}, {"2003::1", false},
	{"3ffe:ffff::1", false}, {"3fff::1", true},	    {"3fff:fff::1", true},
	{"3fff:1000::1", false}, {"4000::1", true},	    {"5f00::1", true},
	{"fc00::1", true},	 {"fdff::1", true},	    {"fe80::1", true},
	{"febf::1", true},	 {"fec0::1", true},	    {"ff02::1", true},
};

static void test_addresses(void **state)
{
	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(addresses); i++) {
		union {
			struct sockaddr any;
			struct sockaddr_in ipv4;
			struct sockaddr_in6 ipv6;
		} address = {0};

		if (strchr(addresses[i].text, ':')) {
			address.ipv6.sin6_family = AF_INET6;
			assert_int_equal(inet_pton(AF_INET6, addresses[i].text,
						   &address.ipv6.sin6_addr), 1);
		} else {
			address.ipv4.sin_family = AF_INET;
			assert_int_equal(inet_pton(AF_INET, addresses[i].text,
						   &address.ipv4.sin_addr), 1);
		}
		if (seed_url_address_is_private(&address.any) != addresses[i].private)
			fail_msg("%s", addresses[i].text);
	}
}

static void test_other_families_are_private(void **state)
{
	struct sockaddr address = {.sa_family = AF_UNIX};

	SEED_UNUSED(state);
	assert_true(seed_url_address_is_private(&address));
}

/* The same addresses, written as hosts. */
static void test_hosts_that_are_addresses(void **state)
{
	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(addresses); i++) {
		bool ipv6 = strchr(addresses[i].text, ':');
		char url[128];

		(void)snprintf(url, sizeof(url), "http://%s%s%s:8080/x", ipv6 ? "[" : "",
			       addresses[i].text, ipv6 ? "]" : "");
		if (seed_url_host_is_private(url) != addresses[i].private)
			fail_msg("%s", url);
	}
}

static void test_hosts(void **state)
{
	static const struct {
		const char *url;
		bool private;
	} cases[] = {
		{"http://localhost/", true},
		{"http://LocalHost:7860/x", true},
		{"http://localhost./", true},
		{"http://a.localhost/", true},
		{"http://127.1/", true},
		{"http://127.0.0.1./", true},
		{"http://0x7f000001/", true},
		{"http://2130706433/", true},
		{"http://0177.0.0.1/", true},
		{"http://%31%32%37.0.0.1/", true},
		{"http://%30x7f.1/", true},
		{"http://[fe80::1%25eth0]/", true},
		{"http://134744072/", false}, /* 8.8.8.8 */
		{"http://mylocalhost/", false},
		{"http://localhost.example/", false},
		{"http://localhos/", false},
		{"http://10.0.0.1.example/", false},
		{"https://api.kie.ai/", false},
		{"nonsense", false},
		{"", false},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++)
		if (seed_url_host_is_private(cases[i].url) != cases[i].private)
			fail_msg("%s", cases[i].url);
}

static void test_encode(void **state)
{
	static const struct {
		const char *text, *encoded;
	} cases[] = {
		{"", ""},
		{"azAZ09-._~", "azAZ09-._~"},
		{"a b/c?d&e=f+g%h#i", "a%20b%2Fc%3Fd%26e%3Df%2Bg%25h%23i"},
		{"é\n\x7f\xff", "%C3%A9%0A%7F%FF"},
		{"`{@[:/", "%60%7B%40%5B%3A%2F"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		char *encoded = seed_url_encode(cases[i].text);

		assert_string_equal(encoded, cases[i].encoded);
		free(encoded);
	}
}

static void tidies_what_a_service_meant(void **state)
{
	static const struct {
		const char *base, *text, *url;
	} rows[] = {
		{ NULL, "https://x.test/a.png", "https://x.test/a.png" },
		{ NULL, " https://x.test/a.png\r\n", "https://x.test/a.png" },
		{ NULL, "https://x.test/a b\tc.png?n=d e", "https://x.test/a%20b%09c.png?n=d%20e" },
		{ NULL, "https://x.test/\xe2\x80\xae\xc2\x85\xc3\xa9.png",
		  "https://x.test/%E2%80%AE%C2%85\xc3\xa9.png" },
		{ "https://x.test/v1", "/files/a.png?s=1", "https://x.test/files/a.png?s=1" },
		{ "https://x.test:8443/v1", "//cdn.test/a.png", "https://cdn.test/a.png" },
		{ "http://127.0.0.1:80/a", "/b c", "http://127.0.0.1:80/b%20c" },
		{ NULL, "/files/a.png", NULL },
		{ "https://x.test/", "files/a.png", NULL },
		{ "https://x.test/", "ftp://x.test/a.png", NULL },
		{ "https://x.test/", "//user:pw@cdn.test/a.png", NULL },
		{ "https://x.test/", "", NULL },
		{ "https://x.test/", " \n", NULL },
		{ "https://x.test/", "javascript:alert(1)", NULL },
	};

	(void)state;
	for (size_t i = 0; i < SEED_ARRAY_LEN(rows); i++) {
		char *url = seed_url_tidy(rows[i].base, rows[i].text);

		if (!rows[i].url != !url || (url && strcmp(url, rows[i].url) != 0))
			fail_msg("%s: %s", rows[i].text, url ? url : "(none)");
		free(url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tidies_what_a_service_meant),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_length),
		cmocka_unit_test(test_redacted),
		cmocka_unit_test(test_scrub),
		cmocka_unit_test(test_scrub_bytes),
		cmocka_unit_test(test_same_host),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_other_families_are_private),
		cmocka_unit_test(test_hosts_that_are_addresses),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
