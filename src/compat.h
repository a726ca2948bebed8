/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL 13 and 18, libcurl and libxml2.
 *
 * Every test of a version number of the project stands in this file, so that
 * the others read as if there were one PostgreSQL only.
 *
 * Floor 0: includes nothing of the project.
 *
 * IDENTIFICATION
 *	  src/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_COMPAT_H
#define JOOR_COMPAT_H

#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "common/base64.h"
#include "common/jsonapi.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "storage/latch.h"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/shm_mq.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"

#include <curl/curl.h>
#include <libxml/xmlerror.h>

#if PG_VERSION_NUM < 130000
#error "joor_inventory needs PostgreSQL 13 or later"
#endif

#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif

#if PG_VERSION_NUM >= 140000
#include "utils/wait_event.h"
#else
#include "pgstat.h"
#endif

/* 18 has pg_noreturn instead, which older ones have not. */
#if PG_VERSION_NUM >= 180000
#define pg_attribute_noreturn() __attribute__((noreturn))
#endif

/*
 * Wait events of an extension have names of their own from 17 on.  The name
 * is registered at the first use, which needs a backend with shared memory.
 */
static inline uint32
joor_wait_event(uint32 *event, const char *name)
{
#if PG_VERSION_NUM >= 170000
	if (*event == 0)
		*event = WaitEventExtensionNew(name);
	return *event;
#else
	(void) event;
	(void) name;
	return PG_WAIT_EXTENSION;
#endif
}

/*
 * From now on, in this process, a setting cannot be changed within a
 * security-restricted operation.  Names that this version does not know are
 * ignored.
 */
static inline void
joor_restrict_setting(const char *name)
{
#if PG_VERSION_NUM >= 160000
	struct config_generic *setting = find_option(name, false, true, DEBUG1);

	if (setting != NULL)
		setting->flags |= GUC_NOT_WHILE_SEC_REST;
#else
	struct config_generic **settings = get_guc_variables();
	int						i;

	for (i = 0; i < GetNumConfigOptions(); i++)
		if (strcmp(settings[i]->name, name) == 0)
			settings[i]->flags |= GUC_NOT_WHILE_SEC_REST;
#endif
}

/*
 * Text of the server's encoding, which must have a conversion, as UTF-8,
 * palloc'd and NUL-terminated; NULL: it has a character that UTF-8 has not.
 * 13 can only throw; a conversion function holds nothing when it does.
 */
static inline char *
joor_convert_to_utf8(const char *data, int length)
{
#if PG_VERSION_NUM >= 140000
	int	  from = GetDatabaseEncoding();
	Size  size = (Size) length * MAX_CONVERSION_GROWTH + 1;
	char *utf8 = palloc_extended(size, MCXT_ALLOC_HUGE);

	if (pg_do_encoding_conversion_buf(
			FindDefaultConversionProc(from, PG_UTF8), from, PG_UTF8,
			(unsigned char *) unconstify(char *, data), length,
			(unsigned char *) utf8, (int) Min(size, PG_INT32_MAX),
			true) == length)
		return utf8;
	pfree(utf8);
	return NULL;
#else
	MemoryContext context = CurrentMemoryContext;
	char *volatile utf8 = NULL;

	PG_TRY();
	{
		utf8 = pg_server_to_any(data, length, PG_UTF8);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_UNTRANSLATABLE_CHARACTER)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return utf8;
#endif
}

/*
 * Milliseconds from one moment to another, 0 if there are none, and no more
 * than an int holds: before 16, the server's function lets what is longer than
 * 24 days overflow where a long has 32 bits.
 */
static inline long
joor_milliseconds_between(TimestampTz from, TimestampTz until)
{
#if PG_VERSION_NUM >= 160000
	return TimestampDifferenceMilliseconds(from, until);
#else
	if (TimestampDifferenceExceeds(from, until, PG_INT32_MAX))
		return PG_INT32_MAX;
	return TimestampDifferenceMilliseconds(from, until);
#endif
}

/* A wait event set that lives in a memory context until it is freed. */
static inline WaitEventSet *
joor_create_wait_event_set(MemoryContext context, int nevents)
{
#if PG_VERSION_NUM >= 170000
	(void) context;
	return CreateWaitEventSet(NULL, nevents);
#else
	return CreateWaitEventSet(context, nevents);
#endif
}

/* Materialize mode of a set-returning function: 15 brought one call for it. */
static inline void
joor_init_materialized_srf(FunctionCallInfo fcinfo)
{
#if PG_VERSION_NUM >= 160000
	InitMaterializedSRF(fcinfo, 0);
#elif PG_VERSION_NUM >= 150000
	SetSingleFuncCall(fcinfo, 0);
#else
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext  old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that "
							   "cannot accept a set")));
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &rsinfo->setDesc) !=
		TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->setResult = tuplestore_begin_heap(
		(rsinfo->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	rsinfo->returnMode = SFRM_Materialize;
	MemoryContextSwitchTo(old);
#endif
}

/* Refuses unknown parameters of our prefix; only a warning before 15. */
static inline void
joor_reserve_guc_prefix(const char *prefix)
{
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved(prefix);
#else
	EmitWarningsOnPlaceholders(prefix);
#endif
}

/* Rights on a foreign server: one function for all objects from 16 on. */
static inline AclResult
joor_foreign_server_aclcheck(Oid serverid, Oid roleid, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, serverid, roleid, mode);
#else
	return pg_foreign_server_aclcheck(serverid, roleid, mode);
#endif
}

static inline bool
joor_foreign_server_ownercheck(Oid serverid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(ForeignServerRelationId, serverid, roleid);
#else
	return pg_foreign_server_ownercheck(serverid, roleid);
#endif
}

/* Base64 without line breaks; bytes instead of characters from 18 on. */
static inline int
joor_b64_encode(const char *source, int length, char *target, int size)
{
#if PG_VERSION_NUM >= 180000
	return pg_b64_encode((const uint8 *) source, length, target, size);
#else
	return pg_b64_encode(source, length, target, size);
#endif
}

/* A message is seen by its reader at once; 15 has a flag to ask for it. */
static inline shm_mq_result
joor_shm_mq_send(shm_mq_handle *queue, Size length, const void *data)
{
#if PG_VERSION_NUM >= 150000
	return shm_mq_send(queue, length, data, false, true);
#else
	return shm_mq_send(queue, length, data, false);
#endif
}

/* The next datum of a sort, by value; 16 has a flag for copying. */
static inline bool
joor_tuplesort_getdatum(Tuplesortstate *sort, Datum *datum, bool *isnull)
{
#if PG_VERSION_NUM >= 160000
	return tuplesort_getdatum(sort, true, false, datum, isnull, NULL);
#else
	return tuplesort_getdatum(sort, true, datum, isnull, NULL);
#endif
}

/*
 * The JSON parser: actions return a code from 16 on, and the lexer's state
 * may be the caller's from 17 on.
 */
#if PG_VERSION_NUM >= 160000
typedef JsonParseErrorType JoorJsonResult;
#define JOOR_JSON_RETURN return JSON_SUCCESS
#else
typedef void JoorJsonResult;
#define JOOR_JSON_RETURN return
#endif

static inline JsonLexContext *
joor_make_json_lexer(char *json, int length, int encoding)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, json, length, encoding, true);
#else
	return makeJsonLexContextCstringLen(json, length, encoding, true);
#endif
}

/* Protocols that libcurl may use: a list of names from 7.85 on. */
#if LIBCURL_VERSION_NUM >= 0x075500
#define JOOR_CURLOPT_PROTOCOLS CURLOPT_PROTOCOLS_STR
#define JOOR_CURL_HTTPS "https"
#define JOOR_CURL_HTTP_OR_HTTPS "http,https"
#else
#define JOOR_CURLOPT_PROTOCOLS CURLOPT_PROTOCOLS
#define JOOR_CURL_HTTPS ((long) CURLPROTO_HTTPS)
#define JOOR_CURL_HTTP_OR_HTTPS ((long) (CURLPROTO_HTTP | CURLPROTO_HTTPS))
#endif

/* What an error handler of libxml2 is given: constant from 2.12 on. */
#if LIBXML_VERSION >= 21200
typedef const xmlError *JoorXmlError;
#else
typedef xmlErrorPtr JoorXmlError;
#endif

/*
 * Inserting rows into a table of ours past SPI: table and indexes, through
 * the executor's simple interface, which took other arguments before 14.
 */
typedef struct JoorSimpleInsert
{
	EState		   *estate;
	ResultRelInfo  *result;
	TupleTableSlot *slot; /* filled in by the caller for each row */
} JoorSimpleInsert;

static inline void
joor_simple_insert_begin(JoorSimpleInsert *insert, Relation relation)
{
	insert->estate = CreateExecutorState();
	insert->result = makeNode(ResultRelInfo);
	InitResultRelInfo(insert->result, relation, 1, NULL, 0);
	ExecOpenIndices(insert->result, false);
#if PG_VERSION_NUM < 140000
	insert->estate->es_result_relations = insert->result;
	insert->estate->es_num_result_relations = 1;
	insert->estate->es_result_relation_info = insert->result;
#endif
	insert->slot =
		MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
}

static inline void
joor_simple_insert(JoorSimpleInsert *insert)
{
#if PG_VERSION_NUM >= 140000
	ExecSimpleRelationInsert(insert->result, insert->estate, insert->slot);
#else
	ExecSimpleRelationInsert(insert->estate, insert->slot);
#endif
	ResetPerTupleExprContext(insert->estate);
}

static inline void
joor_simple_insert_end(JoorSimpleInsert *insert)
{
	ExecCloseIndices(insert->result);
	ExecDropSingleTupleTableSlot(insert->slot);
	FreeExecutorState(insert->estate);
}

/*
 * Asks for shared memory while the library is preloaded: from 15 on in a
 * hook, of which a module has one, before at once.  To be used once.
 */
#if PG_VERSION_NUM >= 150000
#define JOOR_DEFINE_SHARED_MEMORY_REQUEST(function, size)      \
	static shmem_request_hook_type function##_previous = NULL; \
	static void					   function##_hook(void)       \
	{                                                          \
		if (function##_previous != NULL)                       \
			function##_previous();                             \
		RequestAddinShmemSpace(size);                          \
	}                                                          \
	static void function(void)                                 \
	{                                                          \
		function##_previous = shmem_request_hook;              \
		shmem_request_hook = function##_hook;                  \
	}
#else
#define JOOR_DEFINE_SHARED_MEMORY_REQUEST(function, size) \
	static void function(void)                            \
	{                                                     \
		RequestAddinShmemSpace(size);                     \
	}
#endif

/* A generated column whose values no tuple holds, which 18 brought. */
static inline bool
joor_is_virtual(Form_pg_attribute column)
{
#if PG_VERSION_NUM >= 180000
	return column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	(void) column;
	return false;
#endif
}

/* A backend's status by its index from 1; NULL: none. */
static inline PgBackendStatus *
joor_backend_status(int index)
{
#if PG_VERSION_NUM >= 160000
	LocalPgBackendStatus *local = pgstat_get_local_beentry_by_index(index);
#else
	LocalPgBackendStatus *local = pgstat_fetch_stat_local_beentry(index);
#endif

	return local != NULL ? &local->backendStatus : NULL;
}

/* Parse analysis of a statement without parameters: renamed in 15. */
static inline Query *
joor_parse_analyze(RawStmt *statement, const char *text)
{
#if PG_VERSION_NUM >= 150000
	return parse_analyze_fixedparams(statement, text, NULL, 0, NULL);
#else
	return parse_analyze(statement, text, NULL, 0, NULL);
#endif
}

/* A random number from 0 to 1, for jitter. */
static inline double
joor_random(void)
{
#if PG_VERSION_NUM >= 150000
	return pg_prng_double(&pg_global_prng_state);
#else
	return (double) random() / ((double) MAX_RANDOM_VALUE + 1);
#endif
}

#endif /* JOOR_COMPAT_H */
