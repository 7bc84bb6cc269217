#!/usr/bin/env bash
# A Ceph object store of one node, for tests: a monitor, an OSD in memory and a gateway, all
# on 127.0.0.1.
#
#   rgw.sh start DIR PORT    prints the endpoint when it answers; PORT + 1 is the monitor's
#   rgw.sh stop DIR          ends what start began, and removes DIR
#   rgw.sh kill DIR          kills the gateway, as a crash would
#   rgw.sh gateway DIR       starts it again
#
# Needs Debian's radosgw, ceph-mon and ceph-osd. Each daemon ends by itself after S3_LIFE
# seconds (900). Keys: access "testkey", secret "testsecret"; bucket "seed".
set -euo pipefail

verb=$1
dir=$(mkdir -p "$2" && cd "$2" && pwd)
export CEPH_CONF="$dir/ceph.conf" CEPH_ARGS="-c $dir/ceph.conf"

configure() { # PORT
	mkdir -p "$dir"/{mon,osd,rgw,run,log}
	# No cephx on a cluster for one test. Without ms_mon_client_mode the gateway insists on a
	# secure session, which needs it. Without paxos_propose_interval the monitor collects
	# changes for a second each time. tcp_nodelay: a GET would wait 40 ms for an ACK.
	cat >"$dir/ceph.conf" <<-END
		[global]
		fsid = $(cat /proc/sys/kernel/random/uuid)
		mon_host = v2:127.0.0.1:$(($1 + 1))
		public_addr = 127.0.0.1
		cluster_addr = 127.0.0.1
		auth_cluster_required = none
		auth_service_required = none
		auth_client_required = none
		ms_mon_client_mode = crc
		paxos_propose_interval = 0.05
		run_dir = $dir/run
		admin_socket =
		pid_file =
		log_file = $dir/log/\$name.log
		mon_cluster_log_file = $dir/log/cluster.log
		mon_data = $dir/mon
		mon_data_avail_crit = 0
		mon_allow_pool_size_one = true
		osd_data = $dir/osd
		osd_objectstore = memstore
		osd_pool_default_size = 1
		osd_pool_default_min_size = 1
		osd_pool_default_pg_num = 1
		osd_pool_default_pg_autoscale_mode = off
		osd_crush_chooseleaf_type = 0
		memstore_device_bytes = 1073741824
		rgw_data = $dir/rgw
		rgw_rados_pool_pg_num_min = 1
		rgw_thread_pool_size = 64
		rgw_frontends = beast endpoint=127.0.0.1:$1 tcp_nodelay=1
	END
}

daemon() { # NAME COMMAND…
	local name=$1

	shift
	timeout -k 1 "${S3_LIFE:-900}" "$@" >"$dir/log/$name.out" 2>&1 </dev/null 3>&- &
	echo $! >"$dir/run/$name.pid"
}

step() { # WHAT COMMAND…
	local what=$1

	shift
	timeout 60 "$@" >"$dir/log/$what" 2>&1 || {
		echo "rgw.sh: $what: $(tail -n 3 "$dir/log/$what")" >&2
		stop
		exit 1
	}
}

start() { # PORT
	local url=http://127.0.0.1:$1 fsid

	configure "$1"
	fsid=$(awk '/^fsid/ { print $3 }' "$dir/ceph.conf")
	step map monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$(($1 + 1))]" "$dir/monmap"
	step mkfs-mon ceph-mon --mkfs -i a --monmap "$dir/monmap"
	daemon mon ceph-mon -f -i a
	step osd-create ceph --connect-timeout 50 osd create
	step mkfs-osd ceph-osd --mkfs -i 0
	daemon osd ceph-osd -f -i 0
	step user radosgw-admin user create --uid=test --display-name=test \
		--access-key=testkey --secret-key=testsecret
	daemon rgw radosgw -f -n client.rgw
	step bucket curl -fsS -o /dev/null --retry 300 --retry-delay 0 --retry-connrefused --retry-all-errors \
		-X PUT --aws-sigv4 aws:amz:us-east-1:s3 --user testkey:testsecret \
		-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$url/seed"
	echo "$url"
}

end() { # SIGNAL NAME
	local pid

	pid=$(cat "$dir/run/$2.pid" 2>/dev/null) || return 0
	rm -f "$dir/run/$2.pid"
	# The pid is that of timeout(1), which a later process may have by now.
	tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q '^timeout -k 1 .*\(ceph-\|radosgw\)' || return 0
	if [ "$1" = KILL ]; then
		pkill -KILL -P "$pid" || true
	else
		kill "$pid"
	fi
	tail --pid="$pid" -f /dev/null
}

stop() {
	end TERM rgw
	end TERM osd
	end TERM mon
	rm -rf "$dir"
}

case $verb in
start) start "$3" ;;
stop) stop ;;
kill) end KILL rgw ;;
gateway) daemon rgw radosgw -f -n client.rgw ;;
*) echo "rgw.sh start|stop|kill|gateway DIR [PORT]" >&2; exit 2 ;;
esac
