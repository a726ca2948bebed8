# Shared by the campaigns that need another Debian than this one: roots of
# their own, made by mmdebstrap, in which a copy of the tree lies in /joor.
# They run as root.  setup.sh comes before it.

# Where roots are; those of JOOR_ROOTS are used again.
roots=${JOOR_ROOTS:-}
if [ -z "$roots" ]; then
	roots=$(mktemp -d)
	trap 'rm -rf --one-file-system "$roots"' EXIT
fi
mkdir -p "$roots"
chmod 755 "$roots"

# What a root needs to build and test with PostgreSQL of that version.  The
# pg_cron of 13 runs no jobs in background workers, as the tests want them.
root_packages()
{
	[ "$1" -lt 15 ] || echo "postgresql-$1-cron"
	echo "build-essential pkg-config postgresql-$1 postgresql-server-dev-$1
		libpq-dev libcurl4-openssl-dev libxml2-dev libmicrohttpd-dev
		libjansson-dev libipc-run-perl libxml-parser-perl openssl" | xargs
}

# Makes a root, unless it is there: name, suite, architecture, packages.
make_root()
{
	local root=$roots/$1 suite=$2 architecture=$3
	shift 3
	[ -e "$root/made" ] && return
	rm -rf --one-file-system "$root"
	# No server is to start by itself, and an old suite's lists are valid, too.
	mmdebstrap --quiet --variant=apt --architectures="$architecture" \
		--include="$*" --aptopt='Acquire::Check-Valid-Until "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--essential-hook='mkdir -p "$1/etc/postgresql-common/createcluster.d"' \
		--essential-hook='echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.d/joor_inventory.conf"' \
		"$suite" "$root" "${JOOR_MIRROR:-http://deb.debian.org/debian}"
	touch "$root/made"
}

# Copies the tree into a root, for its postgres.
copy_tree()
{
	local root=$roots/$1
	rm -rf "$root/joor"
	mkdir "$root/joor"
	list_tree | tar --null --files-from=- -c | tar -x --no-same-owner -C "$root/joor"
	chroot "$root" chown -R postgres: /joor
}

# Runs a command in a root, as a user; its processes and mounts end with it.
in_root()
{
	local root=$roots/$1 user=$2
	shift 2
	unshare --mount --pid --fork --kill-child bash -ec '
		root=$1 user=$2
		shift 2
		mount -t proc proc "$root/proc"
		mount -t tmpfs tmpfs "$root/dev/shm"
		exec chroot "$root" runuser -u "$user" -- \
			env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 "$@"' \
		in_root "$root" "$user" "$@"
}
