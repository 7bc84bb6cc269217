/*
 * ComfyUI's workflows in the API's format: a JSON object of nodes, each with
 * its class_type and inputs. Pure functions.
 */
#ifndef SEED_PROVIDER_WORKFLOW_H
#define SEED_PROVIDER_WORKFLOW_H

#include <cjson/cJSON.h>

#include "lib/provider/provider.h"

/*
 * The mount's workflow (NULL: the built-in one) with its placeholders filled:
 * {{prompt}} {{negative_prompt}} {{seed}} {{steps}} {{cfg}} {{width}}
 * {{height}} {{model}} {{id}}, inside of strings; a string that is nothing
 * but a number's placeholder becomes that number. What is filled in is not
 * looked at again. -EINVAL if it is no such object, or has no {{prompt}}:
 * the words that were written would have no effect. -ENOMEM.
 */
errint_t seed_workflow_fill(const struct seed_ask *ask, cJSON **workflow) SEED_MUST_CHECK;

#endif
