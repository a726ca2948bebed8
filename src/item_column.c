/*-------------------------------------------------------------------------
 *
 * item_column.c
 *	  The columns of an item query: which field each is, and how it is read.
 *
 * A reader is chosen once for each column, by its type.  Reading never throws
 * for a reason of the data: what cannot be converted, be it a number or a
 * character that the server's encoding has and UTF-8 has not, is a violation
 * of its row.
 *
 * Texts of a database in UTF-8 are not copied, only looked at.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/item_column.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "mb/pg_wchar.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "item_column.h"

/* The key column in a set of fields. */
#define KEY_COLUMN JOOR_FIELD_BIT(JOOR_FIELD_COUNT)

static const JoorColumnRule not_utf8 = {
	"is not valid UTF-8",
	"The database has the encoding SQL_ASCII; JOOR takes UTF-8."};
static const JoorColumnRule not_convertible = {
	"has a character that UTF-8 does not have",
	"The database's encoding has codes that stand for nothing; JOOR takes "
	"UTF-8."};
static const JoorColumnRule not_whole = {
	"is not a whole number",
	"Nothing is rounded on the way; floor() or trunc() in the query does."};
static const JoorColumnRule not_in_range = {"is out of range for type bigint",
											NULL};
static const JoorColumnRule not_midnight = {
	"is not at midnight", "A cast to date drops the time of day."};

/*
 * Readers.
 */

static bool
is_ascii(const char *data, int length)
{
	unsigned char bits = 0;
	int			  i;

	for (i = 0; i < length; i++)
		bits |= (unsigned char) data[i];
	return (bits & 0x80) == 0;
}

/* Text of the server's encoding, of which ASCII is always a part. */
static const JoorColumnRule *
set_text(const char *data, int length, JoorValue *value)
{
	value->text.data = data;
	value->text.length = length;
	value->text.plain = false;
	if (GetDatabaseEncoding() == PG_UTF8 || is_ascii(data, length))
		return NULL;
	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		return pg_verify_mbstr(PG_UTF8, data, length, true) ? NULL : &not_utf8;
	value->text.data = joor_convert_to_utf8(data, length);
	if (value->text.data == NULL)
		return &not_convertible;
	value->text.length = strlen(value->text.data);
	return NULL;
}

static const JoorColumnRule *
read_text(JoorColumn *column, Datum datum, JoorValue *value)
{
	text *string = DatumGetTextPP(datum);

	return set_text(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string), value);
}

static const JoorColumnRule *
read_bpchar(JoorColumn *column, Datum datum, JoorValue *value)
{
	BpChar *string = DatumGetBpCharPP(datum);
	char   *data = VARDATA_ANY(string);

	return set_text(data, bpchartruelen(data, VARSIZE_ANY_EXHDR(string)),
					value);
}

/* Whatever else is a string or an enum. */
static const JoorColumnRule *
read_output(JoorColumn *column, Datum datum, JoorValue *value)
{
	char *string = OutputFunctionCall(&column->output, datum);

	return set_text(string, strlen(string), value);
}

static const JoorColumnRule *
read_date(JoorColumn *column, Datum datum, JoorValue *value)
{
	value->date = DatumGetDateADT(datum);
	return NULL;
}

static const JoorColumnRule *
read_timestamp(JoorColumn *column, Datum datum, JoorValue *value)
{
	Timestamp timestamp = DatumGetTimestamp(datum);

	if (TIMESTAMP_IS_NOBEGIN(timestamp))
		DATE_NOBEGIN(value->date);
	else if (TIMESTAMP_IS_NOEND(timestamp))
		DATE_NOEND(value->date);
	else if (timestamp % USECS_PER_DAY == 0)
		value->date = (DateADT) (timestamp / USECS_PER_DAY);
	else
		return &not_midnight;
	return NULL;
}

static const JoorColumnRule *
read_int2(JoorColumn *column, Datum datum, JoorValue *value)
{
	value->integer = DatumGetInt16(datum);
	return NULL;
}

static const JoorColumnRule *
read_int4(JoorColumn *column, Datum datum, JoorValue *value)
{
	value->integer = DatumGetInt32(datum);
	return NULL;
}

static const JoorColumnRule *
read_int8(JoorColumn *column, Datum datum, JoorValue *value)
{
	value->integer = DatumGetInt64(datum);
	return NULL;
}

/* Reads decimal digits as a negative number, whose range is the larger. */
static bool
read_digits(const char **digits, int64 *negative)
{
	for (*negative = 0; **digits >= '0' && **digits <= '9'; (*digits)++)
		if (pg_mul_s64_overflow(*negative, 10, negative) ||
			pg_sub_s64_overflow(*negative, **digits - '0', negative))
			return false;
	return true;
}

/*
 * Core's casts from numeric round and throw; its text does neither, and is
 * read in about the same time.
 */
static const JoorColumnRule *
read_numeric(JoorColumn *column, Datum datum, JoorValue *value)
{
	char	   *string = OutputFunctionCall(&column->output, datum);
	bool		negative = string[0] == '-';
	const char *digits = string + (negative ? 1 : 0);
	const char *fraction = strchr(digits, '.');
	bool		in_range;

	if (*digits < '0' || *digits > '9') /* NaN, Infinity */
		return &not_whole;
	if (fraction != NULL && fraction[1 + strspn(fraction + 1, "0")] != '\0')
		return &not_whole;
	in_range = read_digits(&digits, &value->integer);
	if (!in_range || (!negative && value->integer == PG_INT64_MIN))
		return &not_in_range;
	if (!negative)
		value->integer = -value->integer;
	return NULL;
}

static const JoorColumnRule *
read_bool(JoorColumn *column, Datum datum, JoorValue *value)
{
	value->boolean = DatumGetBool(datum);
	return NULL;
}

/* Text that has no UTF-8, as a message can show it. */
static void
mask_beyond_ascii(char *text)
{
	for (; *text != '\0'; text++)
		if (IS_HIGHBIT_SET(*text))
			*text = '?';
}

bool
joor_column_read(JoorColumn *column, Datum datum, JoorItem *item,
				 JoorViolation *violation)
{
	const JoorColumnRule *broken;
	char				 *shown;

	broken = column->read(column, datum, &item->value[column->field]);
	if (broken == NULL)
	{
		item->present |= JOOR_FIELD_BIT(column->field);
		return true;
	}
	shown = OutputFunctionCall(&column->output, datum);
	if (broken == &not_convertible)
		mask_beyond_ascii(shown);
	joor_violation_set(violation, item, column->field, shown, strlen(shown),
					   broken->rule, broken->hint);
	return false;
}

/*
 * Matching.
 */

/* The reader for a string or an enum, or NULL. */
static JoorColumnReader
string_reader(Oid type)
{
	char category;
	bool preferred;

	if (type == BPCHAROID)
		return read_bpchar;
	if (type == CHAROID)
		return read_output;
	get_type_category_preferred(type, &category, &preferred);
	if (category == TYPCATEGORY_STRING)
		return IsBinaryCoercible(type, TEXTOID) ? read_text : read_output;
	return category == TYPCATEGORY_ENUM ? read_output : NULL;
}

/* The reader for a type, not a domain, as a field of that type, or NULL. */
static JoorColumnReader
find_reader(Oid type, JoorFieldType field_type)
{
	switch (field_type)
	{
		case JOOR_TYPE_TEXT:
			return string_reader(type);
		case JOOR_TYPE_DATE:
			if (type == DATEOID)
				return read_date;
			return type == TIMESTAMPOID ? read_timestamp : NULL;
		case JOOR_TYPE_INTEGER:
			if (type == INT2OID)
				return read_int2;
			if (type == INT4OID)
				return read_int4;
			if (type == INT8OID)
				return read_int8;
			return type == NUMERICOID ? read_numeric : NULL;
		case JOOR_TYPE_BOOLEAN:
			break;
	}
	return type == BOOLOID ? read_bool : NULL;
}

/* The hint for a number where text is needed. */
static const char *
zeros_hint(int field, const char *name)
{
	if (field == JOOR_FIELD_UPC)
		return psprintf("Cast it to text and keep the leading zeros, for "
						"example to_char(%s, 'FM0000000000000').",
						name);
	return psprintf("Cast it to text and put back its leading zeros, if it "
					"had any; %s::text alone does not.",
					name);
}

/* The hint for a type that is no date. */
static const char *
date_hint(const char *name, Oid type, char category)
{
	if (type == TIMESTAMPTZOID)
		return psprintf("Say whose day it is, for example (%s AT TIME ZONE "
						"'Europe/Rome')::date.",
						name);
	if (category == TYPCATEGORY_NUMERIC)
		return psprintf("Make it a date, for example to_date(%s::text, "
						"'YYYYMMDD').",
						name);
	return psprintf("Cast it, for example %s::date.", name);
}

/* How to make a column of that type fit its field. */
static const char *
cast_hint(int field, Oid type)
{
	const char *name = joor_fields[field].name;
	const char *integer = field == JOOR_FIELD_INVENTORY ? "integer" : "bigint";
	char		category;
	bool		preferred;

	get_type_category_preferred(type, &category, &preferred);
	switch (joor_fields[field].type)
	{
		case JOOR_TYPE_TEXT:
			if (category == TYPCATEGORY_NUMERIC)
				return zeros_hint(field, name);
			return psprintf("Cast it, for example %s::text.", name);
		case JOOR_TYPE_DATE:
			return date_hint(name, type, category);
		case JOOR_TYPE_INTEGER:
			if (category == TYPCATEGORY_NUMERIC)
				return psprintf("Cast it, for example floor(%s)::%s.", name,
								integer);
			return psprintf("Cast it, for example %s::%s.", name, integer);
		case JOOR_TYPE_BOOLEAN:
			break;
	}
	return psprintf("Cast it, for example %s::boolean.", name);
}

/* Chooses the column's reader; errors out if its type does not fit. */
static void
set_reader(JoorColumn *column, Oid type)
{
	static const char *const needed[] = {"text", "a date", "a whole number",
										 "boolean"};
	const JoorField			*field = &joor_fields[column->field];
	Oid						 base = getBaseType(type);
	Oid						 function;
	bool					 isvarlena;

	column->read = find_reader(base, field->type);
	if (column->read == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s but must be %s",
						field->name, format_type_be(type), needed[field->type]),
				 errhint("%s", cast_hint(column->field, base))));
	getTypeOutputInfo(base, &function, &isvarlena);
	fmgr_info(function, &column->output);
}

/* Errors out: there is no such field. */
static void
pg_attribute_noreturn() unknown_column(const char *name)
{
	StringInfoData names;
	int			   field;

	initStringInfo(&names);
	for (field = 0; field < JOOR_FIELD_COUNT; field++)
		appendStringInfo(&names, "%s%s", field > 0 ? ", " : "",
						 joor_fields[field].name);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" is not a field of an item", name),
					errhint("Valid columns are: %s.", names.data)));
}

/* Errors out unless rows of these columns can be items. */
static void
check_fields(uint32 fields)
{
	if (joor_identity_fields(fields) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("the query has no columns that identify an "
							   "item"),
						errhint("%s", JOOR_IDENTITY_HINT)));
	if ((fields & (JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY) |
				   JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER))) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("the query has no column \"inventory\""),
						errhint("Only a query with a column "
								"\"made_to_order\" can do without.")));
}

/* The key column is read as text, whatever its type. */
static void
set_key(JoorColumn *column, Oid type)
{
	Oid	 function;
	bool isvarlena;

	column->is_key = true;
	getTypeOutputInfo(type, &function, &isvarlena);
	fmgr_info(function, &column->key_output);
}

JoorColumn *
joor_columns_match(TupleDesc desc, const char *key_column)
{
	JoorColumn *columns = palloc0(sizeof(JoorColumn) * (desc->natts + 1));
	uint32		fields = 0;
	bool		has_key = false;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);
		int			field = joor_field_by_name(name);
		uint32		bit = KEY_COLUMN;

		columns[i].field = field;
		if (key_column != NULL && strcmp(name, key_column) == 0)
		{
			has_key = true;
			set_key(&columns[i], TupleDescAttr(desc, i)->atttypid);
		}
		if (field != JOOR_FIELD_NONE)
		{
			bit = JOOR_FIELD_BIT(field);
			set_reader(&columns[i], TupleDescAttr(desc, i)->atttypid);
		}
		else if (!columns[i].is_key)
			unknown_column(name);
		if ((fields & bit) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" appears more than once", name)));
		fields |= bit;
	}
	check_fields(fields);
	if (key_column != NULL && !has_key)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the query has no key column \"%s\"", key_column)));
	return columns;
}
