/*
 * Faults by rule. POST /_faults takes an array of
 *
 *     {"on": "create|generate|poll|result|image|mint|cancel|queue|progress|credit", "nth": 2, "times": 3,
 *      "prompt": "fox", "do": {…}}
 *
 * A rule counts the requests of its kind whose prompt contains `prompt`. It
 * applies from the nth (default: the first) on, `times` times (default: once
 * if nth is given, else always). The first rule that applies is taken.
 *
 * do, for any request:
 *     delay_ms N       answer later
 *     hold true        answer after /_release
 *     hang true        wait for /_release, then close without an answer
 *     reset true       close with RST, nothing done
 *     close true       close, nothing done
 *     lost true        do what was asked, then close without an answer
 *     status N         answer with this HTTP status (and `body`)
 *     code N, msg S    answer with this code in the service's envelope (code S: in its error)
 *     body S           … with exactly this text (type S: its media type)
 *     retry_after X    with a Retry-After header
 *     redirect URL     302
 *     cut N            only the first N bytes of the body, then close
 *     drip {bytes,ms}  so many bytes, a pause, and so on
 *     length N         declare this Content-Length whatever is sent
 * do, for poll:
 *     null true        "recordInfo is null"
 *     state S          this state, whatever the task's is
 *     position N       … and this place in the queue
 * do, for create and generate, about the task that is made:
 *     duration_ms N    how long it takes
 *     hold_task true   it ends when released
 *     fail {code,msg}  it fails, as the dialect's file says
 *     no_url S         it succeeds without a URL: "absent", "empty" or "null"
 *     image KIND       its picture (picture.h); for image: serve this instead
 *     url URL          its picture's URL ("/…": on this server)
 *     query S          appended to its picture's URL after "?"
 *     late_ms N        its picture answers late_status N (404) for so long after it
 *                      was first asked for: the store is slower than the API
 *     cost X           what it cost, any JSON (kie's creditsConsumed)
 *     task true        generate: answer with the task's id
 *     progress N       what it tells while it runs, in percent
 *     id S             its id, which another may have had
 *
 * In texts, %KEY% stands for the key that the client sent, %BASE% for this
 * server's URL.
 */
#ifndef UPSTREAM_FAULT_H
#define UPSTREAM_FAULT_H

#include "tests/upstream/server.h"

/* Puts rules in the place of all (or after them). NULL or what is wrong with
 * them; malloc'd. An unknown word is refused: a rule with a typing mistake
 * would make a test that cannot fail. Takes the lock. */
char *fault_set(const cJSON *rules, bool append);
void fault_clear(void); /* the caller holds the lock */

/* Counts the request and returns a copy of the rule's "do", or NULL. Takes the
 * lock. */
cJSON *fault_find(const char *on, const char *prompt);

/* Readers of a "do" object, which may be NULL. */
bool fault_is(const cJSON *fault, const char *key); /* there, and not false */
long fault_number(const cJSON *fault, const char *key, long otherwise);
const char *fault_text(const cJSON *fault, const char *key); /* or NULL */

/* /_release: prompts that contain `prompt` are let go, now and later, until
 * the rules are set again. The caller holds the lock. */
void fault_release(const char *prompt);
bool fault_released(const char *prompt);

/* %KEY% and %BASE% put in; malloc'd. */
char *fault_expand(const char *text, const char *key, const char *base);

#endif
