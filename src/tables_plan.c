/*-------------------------------------------------------------------------
 *
 * tables_plan.c
 *	  Plans of the extension's own statements, kept for as long as the process.
 *
 * A request takes about ten statements: parsed and planned each time, they made
 * a push of small requests take twice as long (test/bench/rows/11_tls).
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/tables_plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "tables_plan.h"

/* More than there are statements. */
#define PLANS 256

typedef struct KeptPlan
{
	uint32	   hash; /* of the text; the key */
	char	  *sql;	 /* NULL: there is none yet */
	int		   nargs;
	Oid		   types[JOOR_TABLES_MAX_ARGS];
	SPIPlanPtr plan;
} KeptPlan;

static HTAB *plans = NULL;

static KeptPlan *
find_plan(const char *sql)
{
	uint32	  hash = hash_bytes((const unsigned char *) sql, (int) strlen(sql));
	HASHCTL	  info = {0};
	bool	  found;
	KeptPlan *plan;

	if (plans == NULL)
	{
		info.keysize = sizeof(uint32);
		info.entrysize = sizeof(KeptPlan);
		plans = hash_create("joor_inventory plans", PLANS, &info,
							HASH_ELEM | HASH_BLOBS);
	}
	plan = hash_search(plans, &hash, HASH_ENTER, &found);
	if (!found)
		plan->sql = NULL;
	return plan;
}

static SPIPlanPtr
prepare(const char *sql, JoorArgs *args)
{
	SPIPlanPtr plan = SPI_prepare(sql, args->count, args->types);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare returned %s for: %s",
			 SPI_result_code_string(SPI_result), sql);
	return plan;
}

/* Keeps a plan that was made. */
static void
keep(KeptPlan *plan, SPIPlanPtr made, const char *sql, const JoorArgs *args)
{
	char *copy = MemoryContextStrdup(TopMemoryContext, sql);

	if (SPI_keepplan(made) != 0)
		elog(ERROR, "SPI_keepplan failed");
	plan->plan = made;
	plan->nargs = args->count;
	memcpy(plan->types, args->types, sizeof(Oid) * args->count);
	plan->sql = copy;
}

SPIPlanPtr
joor_tables_plan(const char *sql, JoorArgs *args)
{
	KeptPlan  *plan = find_plan(sql);
	SPIPlanPtr made;

	if (plan->sql != NULL && strcmp(plan->sql, sql) == 0 &&
		plan->nargs == args->count &&
		memcmp(plan->types, args->types, sizeof(Oid) * args->count) == 0)
		return plan->plan;
	made = prepare(sql, args);
	if (plan->sql == NULL)
		keep(plan, made, sql, args);
	return made;
}
