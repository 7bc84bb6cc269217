#include "fs/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int kept[] = {
	CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH,
	CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL,
};

static bool is_kept(int capability)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(kept); i++)
		if (kept[i] == capability)
			return true;
	return false;
}

/* For a process with capabilities only: without any, the bounding set gives it nothing. */
static bool drop_bounds(void)
{
	bool dropped = true;

	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!is_kept(i) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0)
			dropped = false;
	return dropped;
}

errint_t privileges_drop(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	bool has_any = false, dropped;

	if (syscall(SYS_capget, &head, sets) != 0)
		return -errno;
	for (size_t i = 0; i < SEED_ARRAY_LEN(sets); i++)
		has_any |= sets[i].permitted != 0;
	if (!has_any)
		return 0;
	dropped = drop_bounds();
	for (int i = 0; i < 32 * (int)SEED_ARRAY_LEN(sets); i++) {
		struct __user_cap_data_struct *set = &sets[i / 32];

		if (is_kept(i))
			continue;
		set->effective &= ~(1U << (i % 32));
		set->permitted &= ~(1U << (i % 32));
	}
	for (size_t i = 0; i < SEED_ARRAY_LEN(sets); i++)
		sets[i].inheritable = 0;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, sets) != 0)
		return -errno;
	return dropped ? 0 : -EPERM;
}
