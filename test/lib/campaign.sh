# Shared by the campaigns whose rounds are a program in Perl, with the test
# library: setup.sh comes before it.

# Builds, and sets what PostgreSQL::Test wants; files go to $scratch.
prepare_campaign()
{
	export LC_ALL=C.UTF-8 PGTZ=UTC
	build_and_install "" >/dev/null
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	{
		print_install_settings
		echo "timezone = 'UTC'"
	} >"$scratch/settings"
	pgxs=$(dirname "$("$pg_config" --pgxs)")/..
	export JOOR_INSTALL_SETTINGS="$scratch/settings" PATH="$bindir:$PATH"
	export PG_REGRESS="$pgxs/test/regress/pg_regress" TESTLOGDIR="$scratch/log"
	export TESTDATADIR="$scratch/tap" TESTDIR="$scratch" TMPDIR="$scratch"
}

# PostgreSQL::Test takes standard output for its log; figures go to descriptor 3.
run_campaign()
{
	perl -I test/lib -I "$pgxs/test/perl" "$@" 3>&1 >"$scratch/output" 2>&1 ||
		{ echo "status $?"; grep -A12 -E '^not ok|Failed test|^[^#]* at .* line' "$scratch/output" | tail -n 60; }
}
