/*-------------------------------------------------------------------------
 *
 * account_option.c
 *	  The options of an account, and the validator of the foreign data wrapper.
 *
 * One table says for each option where it belongs and how it is read.  CREATE
 * and ALTER go the same way as a send does: the validator sets the options of
 * a scratch account.
 *
 * Rules: a secret belongs to the user mapping, all else to the server.  The
 * value of a secret is never shown, whatever is wrong with it.
 *
 * Floor 3.
 *
 * IDENTIFICATION
 *	  src/account_option.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "account.h"
#include "http.h"

/*
 * Any valid item fits a body of this size (500 characters of four bytes each,
 * escaped, and the names of all fields), so that max_bytes never cuts one.
 */
#define MIN_MAX_BYTES (16 * 1024)
#define MAX_MAX_BYTES (256 * 1024 * 1024)

#define USECS_PER_SECOND INT64CONST(1000000)

typedef struct AccountOption
{
	const char *name;
	Oid			catalog;
	void (*set)(JoorAccount *account, const char *name, const char *value);
} AccountOption;

PG_FUNCTION_INFO_V1(joor_inventory_fdw_validator);

static void set_url(JoorAccount *account, const char *name, const char *value);
static void set_format(JoorAccount *account, const char *name,
					   const char *value);
static void set_json_shape(JoorAccount *account, const char *name,
						   const char *value);
static void set_identifier(JoorAccount *account, const char *name,
						   const char *value);
static void set_method(JoorAccount *account, const char *name,
					   const char *value);
static void set_auth_scheme(JoorAccount *account, const char *name,
							const char *value);
static void set_warehouse(JoorAccount *account, const char *name,
						  const char *value);
static void set_warehouses(JoorAccount *account, const char *name,
						   const char *value);
static void set_dec_pending(JoorAccount *account, const char *name,
							const char *value);
static void set_negative(JoorAccount *account, const char *name,
						 const char *value);
static void set_max_items(JoorAccount *account, const char *name,
						  const char *value);
static void set_max_bytes(JoorAccount *account, const char *name,
						  const char *value);
static void set_connect_timeout(JoorAccount *account, const char *name,
								const char *value);
static void set_timeout(JoorAccount *account, const char *name,
						const char *value);
static void set_credits(JoorAccount *account, const char *name,
						const char *value);
static void set_window(JoorAccount *account, const char *name,
					   const char *value);
static void set_reserve(JoorAccount *account, const char *name,
						const char *value);
static void set_ca_file(JoorAccount *account, const char *name,
						const char *value);
static void set_token(JoorAccount *account, const char *name,
					  const char *value);
static void set_token_file(JoorAccount *account, const char *name,
						   const char *value);

static const AccountOption account_options[] = {
	{"url", ForeignServerRelationId, set_url},
	{"format", ForeignServerRelationId, set_format},
	{"json_shape", ForeignServerRelationId, set_json_shape},
	{"style_identifier_field", ForeignServerRelationId, set_identifier},
	{"method", ForeignServerRelationId, set_method},
	{"auth_scheme", ForeignServerRelationId, set_auth_scheme},
	{"warehouse", ForeignServerRelationId, set_warehouse},
	{"warehouses", ForeignServerRelationId, set_warehouses},
	{"dec_pending", ForeignServerRelationId, set_dec_pending},
	{"negative", ForeignServerRelationId, set_negative},
	{"max_items", ForeignServerRelationId, set_max_items},
	{"max_bytes", ForeignServerRelationId, set_max_bytes},
	{"connect_timeout", ForeignServerRelationId, set_connect_timeout},
	{"timeout", ForeignServerRelationId, set_timeout},
	{"credits", ForeignServerRelationId, set_credits},
	{"window", ForeignServerRelationId, set_window},
	{"reserve", ForeignServerRelationId, set_reserve},
	{"ca_file", ForeignServerRelationId, set_ca_file},
	{"token", UserMappingRelationId, set_token},
	{"token_file", UserMappingRelationId, set_token_file},
};

/* The text of a constant, as a JoorText. */
static JoorText
text_of(const char *value)
{
	JoorText text = {value, (int) strlen(value), false};

	return text;
}

void
joor_account_defaults(JoorAccount *account)
{
	memset(account, 0, sizeof(*account));
	account->method = "POST";
	account->rules.warehouse = text_of("Default");
	account->max_items = 500;
	account->max_bytes = 1024 * 1024;
	account->connect_timeout = 10 * 1000;
	account->timeout = 120 * 1000;
	account->credits = 300;
	account->window = 300 * USECS_PER_SECOND;
}

/*
 * Errors for values.
 */

static void
pg_attribute_noreturn()
	invalid_value(const char *name, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", name, value),
			 errhint("%s", hint)));
}

void
joor_account_check_secret(const char *name, const char *value)
{
	const unsigned char *c = (const unsigned char *) value;

	while (*c > ' ' && *c != 0x7f)
		c++;
	if (*c != '\0' || c == (const unsigned char *) value)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\"", name),
				 errdetail("The value is empty, or has a space or a control "
						   "character.")));
}

/* The index of value in a NULL-terminated list of words. */
static int
word_index(const char *name, const char *value, const char *const *words)
{
	StringInfoData hint;
	int			   i;

	for (i = 0; words[i] != NULL; i++)
		if (strcmp(value, words[i]) == 0)
			return i;

	initStringInfo(&hint);
	appendStringInfoString(&hint, "Valid values are: ");
	for (i = 0; words[i] != NULL; i++)
		appendStringInfo(&hint, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
	appendStringInfoChar(&hint, '.');
	invalid_value(name, value, hint.data);
}

/* A whole number from min to max, with a unit if flags allow one. */
static int
whole_number(const char *name, const char *value, int flags, int min, int max)
{
	int			number;
	const char *hint = NULL;

	if (flags == 0 && strspn(value, "0123456789") != strlen(value))
		invalid_value(name, value, "The value is a whole number.");
	if (!parse_int(value, &number, flags, &hint))
		invalid_value(name, value,
					  hint ? hint : "The value is a whole number.");
	if (number < min || number > max)
		invalid_value(name, value,
					  psprintf("The value is from %d to %d.", min, max));
	return number;
}

/* A time in seconds, or with a unit of PostgreSQL's. */
static double
seconds(const char *name, const char *value, double min, double max)
{
	double		number;
	const char *hint = NULL;

	if (!parse_real(value, &number, GUC_UNIT_S, &hint))
		invalid_value(name, value,
					  hint ? hint : "The value is a time, such as \"10s\".");
	if (isnan(number) || number < min || number > max)
		invalid_value(name, value,
					  psprintf("The value is from %g s to %g s.", min, max));
	return number;
}

static bool
boolean(const char *name, const char *value)
{
	bool result;

	if (!parse_bool(value, &result))
		invalid_value(name, value, "The value is \"true\" or \"false\".");
	return result;
}

/* Shows the text in UTF-8, which is what items are compared in. */
static JoorText
utf8_text(const char *value)
{
	return text_of(pg_server_to_any(value, strlen(value), PG_UTF8));
}

static void
check_warehouse(const char *name, const char *value)
{
	if (value[0] == '\0' ||
		pg_mbstrlen(value) > joor_fields[JOOR_FIELD_WAREHOUSE].longest)
		invalid_value(name, value,
					  psprintf("The name of a warehouse has 1 to %d "
							   "characters.",
							   joor_fields[JOOR_FIELD_WAREHOUSE].longest));
}

/*
 * Setters, in the order of the table.
 */

static void
set_url(JoorAccount *account, const char *name, const char *value)
{
	bool		https = pg_strncasecmp(value, "https://", 8) == 0;
	bool		http = pg_strncasecmp(value, "http://", 7) == 0;
	const char *c;
	int			length;

	for (c = value; *c != '\0'; c++)
		if ((unsigned char) *c <= ' ' || (unsigned char) *c >= 0x7f ||
			strchr("?#@\\\"<>", *c) != NULL)
			invalid_value(name, value,
						  "The address has no query, fragment, user name, "
						  "space or character outside of ASCII.");
	if (!https && !(http && joor_http_is_loopback(value)))
		invalid_value(name, value,
					  "The address begins with https://; http:// is for "
					  "loopback addresses only.");
	length = strlen(value);
	while (length > 0 && value[length - 1] == '/')
		length--;
	if (length <= (https ? 8 : 7))
		invalid_value(name, value, "The address names no host.");
	account->url = pnstrdup(value, length);
}

static void
set_format(JoorAccount *account, const char *name, const char *value)
{
	static const char *const words[] = {"xml", "json", NULL};

	account->style.format = (JoorFormat) word_index(name, value, words);
}

static void
set_json_shape(JoorAccount *account, const char *name, const char *value)
{
	static const char *const words[] = {"nested", "flat", NULL};

	account->style.json_shape = (JoorJsonShape) word_index(name, value, words);
}

static void
set_identifier(JoorAccount *account, const char *name, const char *value)
{
	static const char *const words[] = {"documented", "corrected", "both",
										NULL};

	account->style.identifier =
		(JoorIdentifierField) word_index(name, value, words);
}

static void
set_method(JoorAccount *account, const char *name, const char *value)
{
	static const char *const words[] = {"post", "put", NULL};

	account->method = word_index(name, value, words) == 0 ? "POST" : "PUT";
}

static void
set_auth_scheme(JoorAccount *account, const char *name, const char *value)
{
	static const char *const words[] = {"oauth2", "bearer", NULL};

	account->bearer = word_index(name, value, words) == 1;
}

static void
set_warehouse(JoorAccount *account, const char *name, const char *value)
{
	check_warehouse(name, value);
	account->rules.warehouse = utf8_text(value);
}

/*
 * Names separated by commas, blanks around them not part of them; a name in
 * double quotes may hold a comma.
 */
static void
set_warehouses(JoorAccount *account, const char *name, const char *value)
{
	JoorItemRules *rules = &account->rules;
	const char	  *c = value;

	rules->warehouses = palloc(sizeof(JoorText) * (strlen(value) / 2 + 1));
	rules->nwarehouses = 0;
	for (;;)
	{
		const char *start;
		const char *end;
		char	   *warehouse;

		while (*c == ' ')
			c++;
		if (*c == '"')
		{
			start = ++c;
			end = strchr(start, '"');
			if (end == NULL)
				invalid_value(name, value, "A double quote is not closed.");
			for (c = end + 1; *c == ' '; c++)
				;
			if (*c != ',' && *c != '\0')
				invalid_value(name, value, "Names are separated by commas.");
		}
		else
		{
			start = c;
			c = end = start + strcspn(start, ",");
			while (end > start && end[-1] == ' ')
				end--;
		}
		warehouse = pnstrdup(start, end - start);
		check_warehouse(name, warehouse);
		rules->warehouses[rules->nwarehouses++] = utf8_text(warehouse);
		if (*c++ == '\0')
			break;
	}
}

static void
set_dec_pending(JoorAccount *account, const char *name, const char *value)
{
	account->dec_pending = boolean(name, value);
}

static void
set_negative(JoorAccount *account, const char *name, const char *value)
{
	static const char *const words[] = {"clamp", "reject", "send", NULL};

	account->rules.negative = (JoorNegative) word_index(name, value, words);
}

static void
set_max_items(JoorAccount *account, const char *name, const char *value)
{
	account->max_items = whole_number(name, value, 0, 1, 10000000);
}

static void
set_max_bytes(JoorAccount *account, const char *name, const char *value)
{
	account->max_bytes =
		whole_number(name, value, GUC_UNIT_BYTE, MIN_MAX_BYTES, MAX_MAX_BYTES);
}

static void
set_connect_timeout(JoorAccount *account, const char *name, const char *value)
{
	account->connect_timeout = (int) (seconds(name, value, 0.1, 600) * 1000);
}

static void
set_timeout(JoorAccount *account, const char *name, const char *value)
{
	account->timeout = (int) (seconds(name, value, 0.1, 3600) * 1000);
}

static void
set_credits(JoorAccount *account, const char *name, const char *value)
{
	account->credits = whole_number(name, value, 0, 5, 100000000);
}

static void
set_window(JoorAccount *account, const char *name, const char *value)
{
	account->window =
		(int64) (seconds(name, value, 0.1, 86400) * USECS_PER_SECOND);
}

static void
set_reserve(JoorAccount *account, const char *name, const char *value)
{
	account->reserve = whole_number(name, value, 0, 0, 100000000);
}

static void
set_ca_file(JoorAccount *account, const char *name, const char *value)
{
	if (!is_absolute_path(value))
		invalid_value(name, value, "The path of the file is absolute.");
	account->ca_file = pstrdup(value);
}

static void
set_token(JoorAccount *account, const char *name, const char *value)
{
	joor_account_check_secret(name, value);
	account->token = pstrdup(value);
}

/* Reading a file with the server's rights is for superusers to allow. */
static void
set_token_file(JoorAccount *account, const char *name, const char *value)
{
	if (!is_absolute_path(value))
		invalid_value(name, value, "The path of the file is absolute.");
	account->token_file = pstrdup(value);
}

/*
 * The whole list.
 */

/* Errors out: there is no such option there. */
static void
pg_attribute_noreturn() unknown_option(const char *name, Oid catalog)
{
	StringInfoData names;
	Size		   i;

	initStringInfo(&names);
	for (i = 0; i < lengthof(account_options); i++)
	{
		const AccountOption *option = &account_options[i];

		if (strcmp(option->name, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\"", name),
					 option->catalog == UserMappingRelationId
						 ? errhint("A secret belongs to a user mapping: "
								   "CREATE USER MAPPING, or "
								   "joor.set_token().")
						 : errhint("This option belongs to the server.")));
		if (option->catalog == catalog)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
							 option->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 names.len > 0
				 ? errhint("Valid options in this context are: %s.", names.data)
				 : errhint("There are no valid options in this "
						   "context.")));
}

static const AccountOption *
find_known_option(const char *name, Oid catalog)
{
	Size i;

	for (i = 0; i < lengthof(account_options); i++)
		if (account_options[i].catalog == catalog &&
			strcmp(account_options[i].name, name) == 0)
			return &account_options[i];
	unknown_option(name, catalog);
}

/* What no single option can tell. */
static void
check_together(const JoorAccount *account, Oid catalog)
{
	if (catalog == ForeignServerRelationId && account->url == NULL)
		ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
						errmsg("option \"url\" is missing"),
						errhint("JOOR's production address is "
								"https://api.jooraccess.com/v2, its sandbox "
								"https://apisandbox.jooraccess.com/v2.")));
	if (account->reserve > account->credits - 5)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("option \"reserve\" leaves no credits for the worker"),
				 errdetail("A write costs 5 credits; \"credits\" is %d and "
						   "\"reserve\" is %d.",
						   account->credits, account->reserve)));
	if (account->token != NULL && account->token_file != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("options \"token\" and \"token_file\" exclude each "
						"other")));
}

void
joor_account_set_options(JoorAccount *account, List *options, Oid catalog)
{
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem				*def = lfirst_node(DefElem, cell);
		const AccountOption *option = find_known_option(def->defname, catalog);

		option->set(account, option->name, defGetString(def));
	}
	check_together(account, catalog);
}

/*
 * joor.fdw_validator(text[], oid): checks the options of CREATE and ALTER
 * SERVER and USER MAPPING.  Called by core with all options that the object
 * will then have.
 */
Datum
joor_inventory_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *options = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	JoorAccount account;

	joor_account_defaults(&account);
	joor_account_set_options(&account, options, catalog);
	if (account.token_file != NULL && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"token_file\""),
				 errdetail("Only a superuser may let the server read a "
						   "file.")));
	PG_RETURN_VOID();
}
