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
 * {{height}} {{model}} {{id}}, inside of strings. A string that consists only of
 * a number's placeholder becomes that number. What is filled in is not
 * searched for placeholders. -EINVAL if it is not such an object, or has no
 * {{prompt}}: then the prompt would have no effect. -ENOMEM.
 */
errint_t seed_workflow_fill(const struct seed_ask *ask, cJSON **workflow) SEED_MUST_CHECK;

#endif
