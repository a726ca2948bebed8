/*-------------------------------------------------------------------------
 *
 * doctor.c
 *	  What joor.doctor() asks for that only C knows.
 *
 * The checks themselves are SQL, over the views that operators read anyway.
 * From here come the libraries, and the account as a sender would see it: its
 * options after parsing, and what stands in the way of its token.  No call is
 * made, nothing is written, and no token is returned.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/doctor.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <libxml/parser.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "account.h"
#include "http_library.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(joor_inventory_library);
PG_FUNCTION_INFO_V1(joor_inventory_inspect_account);

/* Columns of joor.library(). */
enum
{
	LIBRARY_VERSION,
	LIBRARY_PRELOADED,
	LIBRARY_CURL,
	LIBRARY_CURL_BUILT,
	LIBRARY_CURL_TLS,
	LIBRARY_CURL_HTTPS,
	LIBRARY_CURL_RESOLVES,
	LIBRARY_XML,
	LIBRARY_XML_BUILT,
	LIBRARY_XML_READS,
	LIBRARY_COLUMNS
};

/* Columns of joor.inspect_account(). */
enum
{
	ACCOUNT_URL,
	ACCOUNT_WAREHOUSES,
	ACCOUNT_MAX_ITEMS,
	ACCOUNT_MAX_BYTES,
	ACCOUNT_CONNECT_TIMEOUT,
	ACCOUNT_TIMEOUT,
	ACCOUNT_CREDITS,
	ACCOUNT_RESERVE,
	ACCOUNT_WINDOW,
	ACCOUNT_PROBLEM,
	ACCOUNT_ADVICE,
	ACCOUNT_COLUMNS
};

static Datum
make_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* A text, or null. */
static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	if (text != NULL)
		values[column] = CStringGetTextDatum(text);
}

/* Version of libxml2 as people write it: it calls itself 20914. */
static char *
xml_version(void)
{
	int version = atoi(xmlParserVersion);

	return psprintf("%d.%d.%d", version / 10000, version / 100 % 100,
					version % 100);
}

/*
 * joor.library()
 */
Datum
joor_inventory_library(PG_FUNCTION_ARGS)
{
	Datum			values[LIBRARY_COLUMNS];
	bool			nulls[LIBRARY_COLUMNS] = {false};
	JoorHttpLibrary curl;

	joor_http_library(&curl);
	set_text(values, nulls, LIBRARY_VERSION, JOOR_INVENTORY_VERSION);
	values[LIBRARY_PRELOADED] = BoolGetDatum(joor_wake_is_preloaded());
	set_text(values, nulls, LIBRARY_CURL, curl.version);
	set_text(values, nulls, LIBRARY_CURL_BUILT, curl.built);
	set_text(values, nulls, LIBRARY_CURL_TLS, curl.tls);
	values[LIBRARY_CURL_HTTPS] = BoolGetDatum(curl.https);
	values[LIBRARY_CURL_RESOLVES] = BoolGetDatum(curl.resolves);
	set_text(values, nulls, LIBRARY_XML, xml_version());
	set_text(values, nulls, LIBRARY_XML_BUILT, LIBXML_DOTTED_VERSION);
	values[LIBRARY_XML_READS] = BoolGetDatum(xmlHasFeature(XML_WITH_READER));
	return make_row(fcinfo, values, nulls);
}

/*
 * What keeps a role from the account's token, with the advice that the error
 * gives; NULL: nothing.
 */
static ErrorData *
find_token_problem(JoorAccount *account, Oid role)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		joor_account_authorize(account, role);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
			ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

/*
 * joor.inspect_account(server, role)
 */
Datum
joor_inventory_inspect_account(PG_FUNCTION_ARGS)
{
	JoorAccount *account = joor_account_open_owned(PG_GETARG_OID(0));
	ErrorData	*error = find_token_problem(account, PG_GETARG_OID(1));
	Datum		 values[ACCOUNT_COLUMNS];
	bool		 nulls[ACCOUNT_COLUMNS] = {false};

	set_text(values, nulls, ACCOUNT_URL, account->url);
	values[ACCOUNT_WAREHOUSES] = Int32GetDatum(account->rules.nwarehouses);
	values[ACCOUNT_MAX_ITEMS] = Int32GetDatum(account->max_items);
	values[ACCOUNT_MAX_BYTES] = Int64GetDatum(account->max_bytes);
	values[ACCOUNT_CONNECT_TIMEOUT] = Int32GetDatum(account->connect_timeout);
	values[ACCOUNT_TIMEOUT] = Int32GetDatum(account->timeout);
	values[ACCOUNT_CREDITS] = Int32GetDatum(account->credits);
	values[ACCOUNT_RESERVE] = Int32GetDatum(account->reserve);
	values[ACCOUNT_WINDOW] = Int64GetDatum(account->window / 1000);
	set_text(values, nulls, ACCOUNT_PROBLEM,
			 error != NULL ? error->message : NULL);
	set_text(values, nulls, ACCOUNT_ADVICE, error != NULL ? error->hint : NULL);
	return make_row(fcinfo, values, nulls);
}
