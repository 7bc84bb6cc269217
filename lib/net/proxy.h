/*
 * Which proxy a URL goes through, by the environment variables that curl reads
 * and as it reads them: http_proxy (lower case only, since a web server's CGI
 * fills HTTP_PROXY from a request), https_proxy, HTTPS_PROXY, all_proxy,
 * ALL_PROXY, and the exceptions of no_proxy or NO_PROXY.
 *
 * It is decided here, and curl is told, because what may be connected to depends
 * on it (lib/net/net.h) and curl does not say before it connects.
 */
#ifndef SEED_PROXY_H
#define SEED_PROXY_H

#include "lib/base/base.h"

/* The variable's value, valid while the environment is; NULL: none, the host is
 * connected to directly, also where the URL does not parse. Any thread. */
const char *seed_proxy_for(const char *url);

#endif
