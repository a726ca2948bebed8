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

# Builds without assertions, whatever was built before; once in a script.
built=
build_once()
{
	[ -z "$built" ] || return 0
	bindir=$("$pg_config" --bindir)
	make -s PG_CONFIG="$pg_config" with_llvm=no clean
	build_and_install ""
	built=yes
}

# Starts a simulator, and from then on speaks with that one; arguments: its
# own.
start_simulator()
{
	rm -f "$scratch/ports"
	test/simulator/joor_simulator --port-file "$scratch/ports" "$@" >/dev/null &
	for _ in $(seq 100); do
		[ -s "$scratch/ports" ] && break
		sleep 0.1
	done
	read -r port control <"$scratch/ports"
	joor_url="http://127.0.0.1:$port/v2"
}

# Starts both servers; arguments: more lines for postgresql.conf.
start_servers()
{
	build_once
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
	start_simulator
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

# Makes an account that knows any SKU, at both ends, and activates it;
# arguments: its warehouses at JOOR as a JSON array, the options of the server
# besides its url, the account's other members at the simulator (default:
# credits that do not bind), and a name for both ends (default: brand at the
# simulator, joor here).
create_account()
{
	local name=${4:-joor}
	control PUT "/account/${4:-brand}" "{\"token\": \"bench-$name\", \"any_sku\": true,
		${3:-\"credits\": 100000000}, \"warehouses\": $1}" >/dev/null
	psql -q -o /dev/null <<-SQL
		SET client_min_messages = warning;
		CREATE EXTENSION IF NOT EXISTS joor_inventory;
		CREATE SERVER $name FOREIGN DATA WRAPPER joor_inventory OPTIONS (url '$joor_url', $2);
		SELECT joor.set_token('$name', 'bench-$name');
		SELECT * FROM joor.activate('$name');
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
