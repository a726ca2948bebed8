# Shared by test/run and test/demo: what a fresh Debian 12 needs, and a
# private copy of the tree in which a user that is not root can build.

packages="postgresql-15 postgresql-client-15 postgresql-server-dev-15
	postgresql-15-cron libpq-dev libcurl4-openssl-dev libxml2-dev libmicrohttpd-dev
	libjansson-dev build-essential pkg-config libipc-run-perl libxml-parser-perl openssl
	prometheus-postgres-exporter clang-format"

# Installs the packages that are missing.
install_packages()
{
	local missing=() package
	for package in $packages; do
		dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
	done
	[ ${#missing[@]} -eq 0 ] && return
	echo "installing: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	# PostgreSQL's packages would start a server of their own otherwise, and
	# the exporter's a service.
	local setting=/etc/postgresql-common/createcluster.d/joor_inventory.conf
	local policy=/usr/sbin/policy-rc.d
	mkdir -p "$(dirname "$setting")"
	echo "create_main_cluster = false" >"$setting"
	if [ -e "$policy" ]; then
		policy=
	else
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	apt-get -qq -o DPkg::Lock::Timeout=300 update
	apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
		"${missing[@]}" >/dev/null
	rm -f "$setting" ${policy:+"$policy"}
}

# The files of the tree, new ones included, each ended by a NUL: of a clone what
# git knows or may know, of an unpacked archive all.
list_tree()
{
	if [ ! -e .git ]; then
		find . -type f -print0
		return
	fi
	git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do
			if [ -e "$file" ]; then printf '%s\0' "$file"; fi
		done
}

# Run by root: goes on as postgres, with the same script, in a copy of the
# tree that is removed in the end.  Run by anybody else: returns at once.
continue_unprivileged()
{
	local script=$1 status=0
	shift
	[ "$(id -u)" -eq 0 ] || return 0
	install_packages
	copy=$(mktemp -d)
	trap 'rm -rf "$copy"' EXIT
	list_tree | tar --null --files-from=- -c | tar -x -C "$copy"
	chown -R postgres: "$copy"
	chmod 755 "$copy"
	runuser -u postgres -- env HOME="$copy" bash "$copy/$script" "$@" || status=$?
	exit $status
}

pg_config=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
bindir=$("$pg_config" --bindir 2>/dev/null || true)

# Builds the extension, with extra compiler flags, and the simulator;
# installs into ./tmp_install, so that nothing of the system is touched.
build_and_install()
{
	# a caller that asks how it ended has switched off set -e
	make -s -j2 PG_CONFIG="$pg_config" with_llvm=no COPT="$1" &&
		rm -rf tmp_install &&
		make -s PG_CONFIG="$pg_config" with_llvm=no DESTDIR="$PWD/tmp_install" install &&
		make -s -j2 -C test/simulator
}

# Settings by which a private server finds the extension in ./tmp_install:
# Debian's own up to 17, PostgreSQL's from 18 on.
print_install_settings()
{
	if "$bindir/postgres" --describe-config | grep ^extension_destdir >/dev/null; then
		echo "extension_destdir = '$PWD/tmp_install'"
	else
		echo "extension_control_path = '$PWD/tmp_install$("$pg_config" --sharedir):\$system'"
	fi
	echo "dynamic_library_path = '$PWD/tmp_install$("$pg_config" --pkglibdir):\$libdir'"
}
