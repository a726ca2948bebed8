# Shared by test/run and the scripts of test/campaign that run the suite: the
# suite, part by part, against what is in ./tmp_install, counting what passed
# and what failed.  setup.sh comes before it.
#
# PostgreSQL's test programs drop LC_ALL.
export LANG=C.UTF-8 LC_ALL=C.UTF-8 PGTZ=UTC
passed=0 failed=0

# Counts one check: its name, then the command.
check()
{
	if "${@:2}"; then
		echo "ok       $1"
		passed=$((passed + 1))
	else
		echo "not ok   $1"
		failed=$((failed + 1))
	fi
}

finish()
{
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

# Counts the tests of a pg_regress run out of its output.
count_regress()
{
	local name=$1 log=$2 status=0
	shift 2
	"$@" >"$log" 2>&1 || status=$?
	grep -E '^(test|ok|not ok)' "$log" || cat "$log"
	local good bad
	good=$(grep -cE '^(test .* ok |ok )' "$log" || true)
	bad=$(grep -cE '(FAILED|^not ok)' "$log" || true)
	passed=$((passed + good))
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
	if [ "$status" -ne 0 ]; then
		echo "$name failed"
		for diffs in regression.diffs output_iso/regression.diffs; do
			[ -f "$diffs" ] && cat "$diffs"
		done
		tail -n 40 "$log"
	fi
	failed=$((failed + bad))
}

# Counts the assertions of the TAP tests out of prove's verbose output.
count_tap()
{
	local log=$1 status=0
	shift
	"$@" >"$log" 2>&1 || status=$?
	grep -E '^(test/t/|Files=|Result|# )|^not ok' "$log" | grep -v '^# Subtest' || true
	local bad
	passed=$((passed + $(grep -cE '^ok ' "$log" || true)))
	bad=$(grep -cE '^not ok ' "$log" || true)
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
	if [ "$status" -ne 0 ]; then tail -n 100 "$log"; fi
	failed=$((failed + bad))
}

pgxs=$(dirname "$("$pg_config" --pgxs)")/..
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# PostgreSQL's Perl modules for TAP tests, which know older servers, too.
perl_modules=${JOOR_PERL_MODULES:-$pgxs/test/perl}

# Where the programs are that servers are started with.
server_bindir=$bindir

# Replaces programs that servers are started with, whose names follow, by a
# shell script, given first, which ends in exec "$bindir/${0##*/}" "$@".
wrap_programs()
{
	local script=$1 program
	shift
	server_bindir=$scratch/bin
	cp -rL "$bindir" "$server_bindir"
	for program; do
		rm "$server_bindir/$program"
		printf '#!/bin/bash\n%s\n' "$script" >"$server_bindir/$program"
		chmod 755 "$server_bindir/$program"
	done
}

# Before any part: the settings of private servers.
prepare_suite()
{
	{
		print_install_settings
		echo "timezone = 'UTC'"
	} >"$scratch/settings"
}

# Runs tests of pg_regress: those named, or all.
run_regress()
{
	[ $# -gt 0 ] || set -- $(cd test/sql && ls *.sql | sed 's/\.sql$//')
	count_regress pg_regress "$scratch/regress.log" \
		"$pgxs/test/regress/pg_regress" --temp-instance="$scratch/regress" \
		--temp-config="$scratch/settings" --bindir="$server_bindir" --inputdir=test \
		--dbname=contrib_regression "$@"
}

run_isolation()
{
	count_regress isolation "$scratch/isolation.log" \
		"$pgxs/test/isolation/pg_isolation_regress" \
		--temp-instance="$scratch/isolation" --temp-config="$scratch/settings" \
		--bindir="$server_bindir" --inputdir=test/isolation --outputdir=output_iso \
		--dbname=isolation_regression \
		$(cd test/isolation/specs && ls *.spec | sed 's/\.spec$//')
}

# Runs TAP files: those named, or all.
run_tap()
{
	[ $# -gt 0 ] || set -- test/t/*.pl
	export JOOR_INSTALL_SETTINGS="$scratch/settings" PATH="$server_bindir:$PATH"
	export PG_REGRESS="$pgxs/test/regress/pg_regress"
	export TESTLOGDIR="$scratch/log" TESTDATADIR="$scratch/tap"
	# A socket's path is short: the servers' folders are not under the tree.
	export TMPDIR="$scratch"
	count_tap "$scratch/tap.log" \
		prove -v --timer -j 2 -I test/lib -I "$perl_modules" "$@"
}
