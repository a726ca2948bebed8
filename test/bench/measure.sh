# Shared by the scripts of this folder: repeating, timing, and rows of a table
# in Markdown.  Figures of a series are lines of a file, $scratch/NAME.

rounds=5

# Seconds that a statement takes, in a session of its own; arguments: the
# statement, and those that come before it.  Its result is in $scratch/result.
seconds()
{
	local statement=$1 first=() sql
	shift
	for sql; do first+=(-c "$sql"); done
	psql -qAt -o "$scratch/result" "${first[@]}" -c '\timing on' -c "$statement" |
		awk '/^Time:/ { print $2 / 1000 }'
}

# Seconds that a command takes.
seconds_of()
{
	local begun=$EPOCHREALTIME
	"$@"
	awk "BEGIN { printf \"%.5f\\n\", $EPOCHREALTIME - $begun }"
}

# Adds a figure to a series: NAME FIGURE
note() { echo "$2" >>"$scratch/$1"; }

# The median of a series, or of what comes in: [NAME]
median()
{
	sort -g ${1:+"$scratch/$1"} |
		awk '{ v[NR] = $1 } END { printf "%.4g\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# The median of the rounds' ratios of two series: NAME NAME
ratio() { paste "$scratch/$1" "$scratch/$2" | awk '{ print $1 / $2 }' | median; }

# met or missed: FIGURE OPERATOR GOAL
verdict() { awk "BEGIN { print ($1 $2 $3) ? \"met\" : \"missed\" }"; }

# A row of the table: NUMBER WHAT BASELINE GOAL MEASURED VERDICT
put_row() { printf '| %s | %s | %s | %s | %s | %s |\n' "$@"; }

# A row of two series: NUMBER WHAT BASELINE OPERATOR GOAL SERIES SERIES UNIT [NOTE]
put_ratio()
{
	local times words
	times=$(ratio "$6" "$7")
	case $4 in '<=') words="at most" ;; *) words="at least" ;; esac
	put_row "$1" "$2" "$3" "$words $5 x" \
		"$times x ($(median "$6") against $(median "$7") $8${9:+; $9})" "$(verdict "$times" "$4" "$5")"
}

# A share of a full size, at least 1: NUMBER
scaled() { awk "BEGIN { n = int($1 * $scale + 0.5); print n < 1 ? 1 : n }"; }
