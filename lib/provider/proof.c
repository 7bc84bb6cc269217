#include "lib/provider/proof.h"

#include "lib/provider/json.h"

static bool judge_credits(const struct seed_provider *provider, const cJSON *json, char *text,
			  size_t size)
{
	double credits;

	if (!provider->proof_credits ||
	    !seed_json_number(json, provider->proof_credits, &credits)) {
		snprintf(text, size, "answers%s", provider->key_variables[0] ? " and accepts the key" : "");
		return true;
	}
	if (credits <= 0) {
		snprintf(text, size, "accepts the key, but has no credits left; buy some at the service");
		return false;
	}
	snprintf(text, size, "answers and accepts the key; %.0f credits are left", credits);
	return true;
}

/* HTTP's status, or the one that an envelope holds (kie). */
static long status_of(const struct seed_response *response, const cJSON *json)
{
	return response->status == 200 ? seed_json_int(json, "code", 200) : response->status;
}

bool seed_proof_judge(const struct seed_provider *provider, const struct seed_response *response,
		      char *text, size_t size)
{
	cJSON *json = seed_json_parse(response->body, response->len);
	long status = status_of(response, json);
	bool is_ok = false;

	if (status == 401 || status == 403)
		snprintf(text, size, "refuses the key (%ld); put a valid one into the key file", status);
	else if (status == 402)
		snprintf(text, size, "has no credits left; buy some at the service");
	else if (status >= 500)
		snprintf(text, size, "answers with an error (%ld); try again later", status);
	else if (provider->proof_path && status == 200)
		is_ok = judge_credits(provider, json, text, size);
	else if (provider->proof_path && status == 404)
		snprintf(text, size, "answers, but has no %s; is api_base right?", provider->proof_path);
	else {
		is_ok = true;
		snprintf(text, size, "answers; the key cannot be checked without paying");
	}
	cJSON_Delete(json);
	return is_ok;
}
