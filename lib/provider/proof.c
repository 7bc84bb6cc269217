#include "lib/provider/proof.h"

#include "lib/provider/json.h"

static const struct proof {
	const char *provider;
	const char *path;
	const char *credits; /* where the answer tells what is left; NULL: it does not */
} proofs[] = {
	{ "kie", "/api/v1/chat/credit", "data" },
	{ "kie-image", "/api/v1/chat/credit", "data" },
	{ "replicate", "/account", NULL },
	{ "openai", "/models", NULL },
	{ "automatic1111", "/sdapi/v1/samplers", NULL },
	{ "comfyui", "/system_stats", NULL },
};

static const struct proof *proof_of(const struct seed_provider *provider)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(proofs); i++)
		if (strcmp(proofs[i].provider, provider->name) == 0)
			return &proofs[i];
	return NULL;
}

const char *seed_proof_path(const struct seed_provider *provider)
{
	const struct proof *proof = proof_of(provider);

	return proof ? proof->path : "";
}

static enum seed_proof_result judge_credits(const struct proof *proof, bool needs_key,
					    const cJSON *json, char *text, size_t size)
{
	double credits;

	if (!proof->credits || !seed_json_number(json, proof->credits, &credits)) {
		snprintf(text, size, "answers%s", needs_key ? " and takes the key" : "");
		return SEED_PROOF_OK;
	}
	if (credits <= 0) {
		snprintf(text, size, "takes the key, but has no credits left; buy some at the service");
		return SEED_PROOF_BAD;
	}
	snprintf(text, size, "answers and takes the key; %.0f credits are left", credits);
	return SEED_PROOF_OK;
}

/* HTTP's status, or the one that an envelope holds (kie). */
static long status_of(const struct seed_response *response, const cJSON *json)
{
	return response->status == 200 ? seed_json_int(json, "code", 200) : response->status;
}

enum seed_proof_result seed_proof_judge(const struct seed_provider *provider,
					const struct seed_response *response, char *text,
					size_t size)
{
	cJSON *json = seed_json_parse(response->body, response->len);
	const struct proof *proof = proof_of(provider);
	long status = status_of(response, json);
	enum seed_proof_result result = SEED_PROOF_BAD;

	if (status == 401 || status == 403)
		snprintf(text, size, "refuses the key (%ld); put a valid one into the key file", status);
	else if (status == 402)
		snprintf(text, size, "has no credits left; buy some at the service");
	else if (status >= 500)
		snprintf(text, size, "answers with an error (%ld); try again later", status);
	else if (proof && status == 200)
		result = judge_credits(proof, provider->key_variables != NULL, json, text, size);
	else if (proof && status == 404)
		snprintf(text, size, "answers, but has no %s; is api_base right?", proof->path);
	else {
		result = SEED_PROOF_REACHED;
		snprintf(text, size, "answers; the key cannot be proved without paying");
	}
	cJSON_Delete(json);
	return result;
}
