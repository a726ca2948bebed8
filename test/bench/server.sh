# Shared by the scripts of this folder: a private PostgreSQL and a simulator
# of JOOR, both stopped and removed when the script ends, however it ends.
# The script has read test/lib/setup.sh and is not root any more.

scratch=

stop_servers()
{
	local jobs
	jobs=$(jobs -p) # the simulator, and what the script has started
	[ -z "$jobs" ] || kill $jobs 2>/dev/null || true
	"$bindir/pg_ctl" -D "$scratch/data" -m immediate -w stop >/dev/null 2>&1 || true
	wait
	rm -rf "$scratch"
}

# Builds without assertions, whatever was built before, and starts both
# servers; arguments: more lines for postgresql.conf.
start_servers()
{
	bindir=$("$pg_config" --bindir)
	make -s PG_CONFIG="$pg_config" with_llvm=no clean
	build_and_install ""

	scratch=$(mktemp -d)
	trap stop_servers EXIT
	"$bindir/initdb" -D "$scratch/data" -A trust -U brand -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
	{
		print_install_settings
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$scratch'"
		echo "fsync = off"
		printf '%s\n' "$@"
	} >>"$scratch/data/postgresql.conf"
	"$bindir/pg_ctl" -D "$scratch/data" -l "$scratch/server.log" -w start >/dev/null
	test/simulator/joor_simulator --port-file "$scratch/ports" >/dev/null &
	for _ in $(seq 100); do
		[ -s "$scratch/ports" ] && break
		sleep 0.1
	done
	read -r port control <"$scratch/ports"
}

psql() { "$bindir/psql" -X -h "$scratch" -U brand -d postgres -v ON_ERROR_STOP=1 "$@"; }

# Speaks with the simulator's control port: METHOD PATH [JSON]
control()
{
	perl -MHTTP::Tiny -e '
		my ($method, $url, $json) = @ARGV;
		my $http = HTTP::Tiny->new(proxy => undef, http_proxy => undef, timeout => 120);
		my $answer = $http->request($method, $url,
			{defined $json ? (content => $json, headers => {"content-type" => "application/json"}) : ()});
		die "$answer->{status} $answer->{content}\n" unless $answer->{success};
		print $answer->{content};' \
		"$1" "http://127.0.0.1:$control$2" ${3+"$3"}
}

# An account that knows any SKU, at both ends; arguments: its warehouses at
# JOOR as a JSON array, and the options of the server besides its url.
create_account()
{
	control PUT /account/brand "{\"token\": \"bench\", \"any_sku\": true,
		\"credits\": 100000000, \"warehouses\": $1}" >/dev/null
	psql -q -o /dev/null <<-SQL
		CREATE EXTENSION joor_inventory;
		CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory
			OPTIONS (url 'http://127.0.0.1:$port/v2', $2);
		SELECT joor.set_token('joor', 'bench');
		SELECT * FROM joor.activate('joor');
	SQL
}

print_machine()
{
	local cpu
	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	echo "machine:    $(nproc) x ${cpu:-$(uname -m)}, $(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r)"
	echo "system:     $(. /etc/os-release && echo "$PRETTY_NAME")"
	echo "versions:   PostgreSQL $(psql -Atc 'SHOW server_version'), joor_inventory $(sed -n "s/^default_version *= *'\(.*\)'/\1/p" joor_inventory.control), $(curl-config --version), libxml2 $(xml2-config --version)"
	echo "settings:   work_mem $(psql -Atc 'SHOW work_mem'), shared_buffers $(psql -Atc 'SHOW shared_buffers'), fsync $(psql -Atc 'SHOW fsync'); the simulator on the same machine"
}
