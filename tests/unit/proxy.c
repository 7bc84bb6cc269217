/* Which proxy a URL goes through: curl's rules. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/net/proxy.h"

static void set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void variables(void **state)
{
	static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
					    "all_proxy", "ALL_PROXY"};
	static const struct {
		const char *values[6];
		const char *http, *https;
	} cases[] = {
		{{NULL}, NULL, NULL},
		{{"a"}, "a", NULL},
		{{NULL, "b"}, NULL, NULL},
		{{NULL, NULL, "c"}, NULL, "c"},
		{{NULL, NULL, "c", "d"}, NULL, "c"},
		{{NULL, NULL, NULL, "d"}, NULL, "d"},
		{{NULL, NULL, NULL, NULL, "e", "f"}, "e", "e"},
		{{"a", NULL, "c", NULL, "e"}, "a", "c"},
		{{"", NULL, "", NULL, "", "f"}, "f", "f"},
	};

	SEED_UNUSED(state);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		const char *http, *https;

		for (size_t n = 0; n < SEED_ARRAY_LEN(names); n++)
			set(names[n], cases[i].values[n]);
		http = seed_proxy_for("http://name.test/");
		https = seed_proxy_for("https://name.test/");
		if (strcmp(http ? http : "-", cases[i].http ? cases[i].http : "-") != 0 ||
		    strcmp(https ? https : "-", cases[i].https ? cases[i].https : "-") != 0)
			fail_msg("%zu: %s %s", i, http ? http : "-", https ? https : "-");
	}
	for (size_t n = 0; n < SEED_ARRAY_LEN(names); n++)
		unsetenv(names[n]);
}

static void exceptions(void **state)
{
	static const struct {
		const char *exempt, *url;
		bool direct;
	} cases[] = {
		{"*", "http://name.test/", true},
		{"name.test", "http://name.test/", true},
		{"NAME.test", "http://name.TEST:8080/", true},
		{".name.test", "http://name.test/", true},
		{"name.test", "http://a.name.test/", true},
		{".name.test", "http://a.name.test./", true},
		{"name.test", "http://badname.test/", false},
		{"a.name.test", "http://name.test/", false},
		{"one.test, name.test", "http://name.test/", true},
		{"one.test name.test", "http://name.test/", true},
		{",, ,", "http://name.test/", false},
		{"test.", "http://name.test/", true},
		{".", "http://name.test/", false},
		{"10.0.0.0/8", "http://10.1.2.3/", true},
		{"10.0.0.0/8", "http://11.1.2.3/", false},
		{"10.0.0.0/33", "http://10.0.0.0/", false},
		{"10.0.0.0/", "http://10.0.0.0/", false},
		{"192.168.0.7", "http://192.168.0.7/", true},
		{"0.7", "http://192.168.0.7/", false},
		{"192.168.0.0/22", "http://192.168.3.7/", true},
		{"192.168.0.0/22", "http://192.168.4.7/", false},
		{"0.0.0.0/0", "http://1.2.3.4/", true},
		{"::1", "http://[::1]/", true},
		{"fd00::/8", "http://[fd12::1]:80/", true},
		{"fd00::/8", "http://[fe80::1]/", false},
		{"name.test", "no url", true},
	};

	SEED_UNUSED(state);
	setenv("http_proxy", "http://proxy.test:3128", 1);
	for (size_t i = 0; i < SEED_ARRAY_LEN(cases); i++) {
		setenv("no_proxy", cases[i].exempt, 1);
		if (!seed_proxy_for(cases[i].url) != cases[i].direct)
			fail_msg("%s with %s", cases[i].url, cases[i].exempt);
	}
	unsetenv("no_proxy");
	setenv("NO_PROXY", "name.test", 1);
	assert_null(seed_proxy_for("http://name.test/"));
	unsetenv("NO_PROXY");
	assert_string_equal(seed_proxy_for("http://name.test/"), "http://proxy.test:3128");
	unsetenv("http_proxy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables),
		cmocka_unit_test(exceptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
