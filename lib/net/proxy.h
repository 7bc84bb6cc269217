/*
 * Which proxy a URL goes through, from the environment variables that curl reads
 * and in the way curl reads them: http_proxy (lower case only, since a web server's
 * CGI fills HTTP_PROXY from a request), https_proxy, HTTPS_PROXY, all_proxy,
 * ALL_PROXY, and the exceptions in no_proxy or NO_PROXY.
 *
 * The decision is made here, and curl is told, because the addresses that a transfer
 * may connect to depend on it (lib/net/net.h), and curl does not say before it connects.
 */
#ifndef SEED_PROXY_H
#define SEED_PROXY_H

#include "lib/base/base.h"

/* The variable's value, valid as long as the environment is. NULL: no proxy, the host is
 * connected to directly; also for a URL that does not parse. Any thread. */
const char *seed_proxy_for(const char *url);

#endif
