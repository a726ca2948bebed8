# Shared by the scripts that measure memory: how much more of it a session
# needs while it makes one call than before.
#
# Each measurement has a session of its own: a warm-up query reads the table,
# then the call is made once, and meanwhile the backend's /proc/PID/status is
# read every few milliseconds.  All megabytes are above the level between the
# two.  "anonymous" is the peak of RssAnon, which is what the backend itself
# allocates; "resident" is that of VmRSS, and "high water" that of VmHWM,
# which the kernel keeps without gaps, after it was reset: both have shared
# buffers and mapped files in them, too.  "after" is what of RssAnon is left
# when the call has ended.  Each begins with an empty joor.request.

# An account and tables of stock for measure_memory; arguments: numbers of rows.
prepare_memory()
{
	local rows
	create_account '["Default", "Milano", "New York"]' \
		"credits '100000000', max_bytes '64MB', format 'xml', max_items '500'"
	for rows; do
		psql -q <<-SQL
			CREATE TABLE stock_$rows AS
			SELECT lpad(n::text, 13, '0') AS upc,
				(ARRAY['Milano', 'New York'])[n % 2 + 1] AS warehouse,
				n % 1000 + 7 AS on_hand, n % 7 AS reserved
			FROM generate_series(1, $rows) n;
			VACUUM ANALYZE stock_$rows;
		SQL
	done
}

# In the background: reads the memory of process $1 until it gets a TERM, then prints the peaks
# of RssAnon and VmRSS in kB.
watch_memory()
{
	exec perl -MTime::HiRes=sleep -e '
		my ($file, $ended, %peak) = ("/proc/$ARGV[0]/status", 0, RssAnon => 0, VmRSS => 0);
		$SIG{TERM} = sub { $ended = 1 };
		until ($ended)
		{
			open(my $status, "<", $file) or last;
			while (<$status>)
			{
				/^(RssAnon|VmRSS):\s+(\d+)/ or next;
				$peak{$1} = $2 if $2 > $peak{$1};
			}
			sleep(0.003);
		}
		print "$peak{RssAnon} $peak{VmRSS}\n";' "$1"
}

memory_of() { sed -n "s/^$2:[ \t]*\([0-9]*\) kB/\1/p" "/proc/$1/status"; }

# Runs SQL in the session that is open; its last line of output is `answer`.
ask()
{
	local line
	printf "%s;\nSELECT 'end of answer';\n" "$1" >&"${session[1]}"
	answer=
	while read -r line <&"${session[0]}"; do
		[ "$line" != "end of answer" ] || return 0
		answer=$line
	done
	echo "the session has ended" >&2
	return 1
}

# Measures one call, of ROWS FUNCTION FORMAT ITEMS; writes a line of
# $scratch/memory, whose seventh column is the anonymous megabytes.
measure_memory()
{
	local rows=$1 function=$2 format=$3 items=$4
	local query="SELECT upc, warehouse, on_hand - reserved AS inventory FROM stock_$rows"
	local pid anon rss watcher start end hwm left call
	local peak_anon peak_rss requests sent bytes session_pid

	psql -q -c "ALTER SERVER joor OPTIONS (SET format '$format', SET max_items '$items')"
	psql -q -c "TRUNCATE joor.request"
	control POST '/reset?what=inventory,calls' >/dev/null
	case $function in
		preview) call="SELECT count(*), sum(items), sum(octet_length(body)) FROM joor.preview('$query')" ;;
		push) call="SELECT count(*), sum(items), sum(bytes) FROM joor.push('$query')" ;;
	esac

	coproc session { psql -qAt -F ' ' 2>&1; }
	session_pid=$!
	ask "SELECT pg_backend_pid()"
	pid=$answer
	ask "SELECT count(*), sum(length(upc)), sum(on_hand - reserved) FROM stock_$rows"
	echo 5 >"/proc/$pid/clear_refs"
	anon=$(memory_of "$pid" RssAnon) rss=$(memory_of "$pid" VmRSS)
	watch_memory "$pid" >"$scratch/peak" &
	watcher=$!
	sleep 0.2
	start=$EPOCHREALTIME
	ask "$call"
	end=$EPOCHREALTIME
	kill "$watcher"
	wait "$watcher"
	hwm=$(memory_of "$pid" VmHWM) left=$(memory_of "$pid" RssAnon)
	eval "exec ${session[1]}>&-"
	wait "$session_pid"

	read -r peak_anon peak_rss <"$scratch/peak"
	read -r requests sent bytes <<<"$answer"
	if [ "$sent" != "$rows" ]; then
		echo "$function made requests of $sent items out of $rows rows" >&2
		return 1
	fi
	awk -v rows="$rows" -v called="$function" -v format="$format" -v items="$items" \
		-v requests="$requests" -v bytes="$bytes" -v anon="$anon" -v rss="$rss" \
		-v peak_anon="$peak_anon" -v peak_rss="$peak_rss" -v hwm="$hwm" -v left="$left" \
		-v start="$start" -v end="$end" '
		BEGIN {
			printf "%9d %-8s %-6s %9d %8d %8.1f %9.1f %8.1f %10.1f %6.1f %8.1f\n",
				rows, called, format, items, requests, bytes / requests / 1048576,
				(peak_anon - anon) / 1024, (peak_rss - rss) / 1024, (hwm - rss) / 1024,
				(left - anon) / 1024, end - start
		}' >>"$scratch/memory"
	tail -n 1 "$scratch/memory"
}
