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

#include "catalog/pg_foreign_server.h"
#include "common/base64.h"
#include "common/jsonapi.h"
#include "funcapi.h"
#include "storage/latch.h"
#include "storage/shm_mq.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/tuplesort.h"

#include <curl/curl.h>
#include <libxml/xmlerror.h>

#if PG_VERSION_NUM < 130000
#error "joor_inventory needs PostgreSQL 13 or later"
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
	MemoryContext old;

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

#endif /* JOOR_COMPAT_H */
