#!/usr/bin/env bash
# tests/deb.sh PACKAGE.deb: lintian, then a new Debian 12 (debootstrap): install,
# mount, upgrade under a mount, remove, purge. `make check-deb` calls it. As root;
# needs /dev/fuse and a mirror ($MIRROR).
#
# ROOTFS  a Debian made before, by debootstrap --variant=minbase; it is copied
set -eu
deb=$(realpath "$1")
MIRROR=${MIRROR:-http://deb.debian.org/debian}
dir=$(mktemp -d "${TMPDIR:-/tmp}/seedfs-deb.XXXXXX")
root=$dir/root

say() { printf '# %s\n' "$*"; }
fail() { printf 'not ok: %s\n' "$*" >&2; exit 1; }
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }

clean_up() {
	umount -l "$root/mnt/seed" 2>/dev/null || true
	umount -l "$root/dev" "$root/proc" 2>/dev/null || true
	rm -rf --one-file-system "$dir"
}
trap clean_up EXIT

# The same package under a later version, for the upgrade.
later() { # OUTPUT
	dpkg-deb -R "$deb" "$dir/later"
	sed -i 's/^Version: .*/&+later/' "$dir/later/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$dir/later" "$1" >/dev/null
}

files_of_package() {
	find "$root" -xdev -path "$root/proc" -prune -o -path "$root/dev" -prune -o \
		-iname '*seedfs*' -print
}

say "lintian"
lintian --pedantic --display-info --fail-on error,warning,info "$deb"

say "a new Debian"
if [ -n "${ROOTFS:-}" ]; then
	cp -a "$ROOTFS" "$root"
else
	debootstrap --variant=minbase bookworm "$root" "$MIRROR" >/dev/null
fi
mount -t proc proc "$root/proc"
mkdir -p "$root/dev"
mount --bind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# A container's /etc/mtab would be another's.
[ -e "$root/etc/mtab" ] || ln -s /proc/self/mounts "$root/etc/mtab"

say "install"
cp "$deb" "$root/tmp/seedfs.deb"
later "$root/tmp/later.deb"
inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends /tmp/seedfs.deb >"$dir/apt" 2>&1 ||
	{ cat "$dir/apt"; fail "the package cannot be installed"; }
for file in /usr/bin/seedfs /usr/bin/seed /sbin/mount.seedfs \
	/lib/systemd/system/seedfs.service /lib/systemd/system/seedfs@.service; do
	[ -e "$root$file" ] || [ -L "$root$file" ] || fail "no $file"
done

say "mount"
inside mkdir -p /mnt/seed
inside mount -t seedfs seedfs /mnt/seed -o provider=sketch,size=256x144
inside sh -c 'echo "a red fox" | tee /mnt/seed/prompts/fox' >/dev/null
inside cmp -n 8 /mnt/seed/images/fox.png /dev/stdin < <(printf '\211PNG\r\n\032\n')

say "upgrade, while it is mounted"
inside apt-get install -y -qq --no-install-recommends /tmp/later.deb >"$dir/apt" 2>&1 ||
	{ cat "$dir/apt"; fail "the package cannot be upgraded"; }
inside sh -c 'echo "a grey owl" | tee /mnt/seed/prompts/owl' >/dev/null
inside test -s /mnt/seed/images/owl.png
inside umount /mnt/seed
inside mount -t seedfs seedfs /mnt/seed -o provider=sketch,size=256x144
inside test -s /mnt/seed/images/fox.png
inside umount /mnt/seed

say "remove, purge"
inside apt-get purge -y -qq seedfs >"$dir/apt" 2>&1 ||
	{ cat "$dir/apt"; fail "the package cannot be purged"; }
rm -f "$root"/tmp/*.deb
left=$(files_of_package)
# What was paid for stays: debian/README.Debian.
[ "$left" = "$root/var/lib/seedfs" ] || fail "purged, and there is still: $left"
echo "ok"
