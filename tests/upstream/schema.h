/*
 * Which fields each family of models takes, as facts out of the services' own
 * schemas: the types of @fal-ai/client 1.10.1 (fal), the API pages of kie.ai and
 * Replicate, ModelArk's documents. A field that is not listed is refused here,
 * though some services drop it silently: what is dropped was not asked for.
 */
#ifndef UPSTREAM_SCHEMA_H
#define UPSTREAM_SCHEMA_H

#include <cjson/cJSON.h>

/* What is wrong with the input of that model, malloc'd; NULL: nothing, or the
 * model is not in the table. */
char *schema_wrong(const char *service, const char *model, const cJSON *input);

/* The kind of the picture that it makes ("png-2048x1152"), malloc'd; NULL where
 * the input does not tell it. */
char *schema_kind(const cJSON *input);

#endif
