/*-------------------------------------------------------------------------
 *
 * item_list.c
 *	  The items of a query that an account accepts.
 *
 * Floor 3.
 *
 * IDENTIFICATION
 *	  src/item_list.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "item_list.h"
#include "position_set.h"

/* Invalid rows that an error names; the others it counts. */
#define VIOLATIONS_NAMED 10

struct JoorItemList
{
	JoorItemListReader reader;
	MemoryContext	   context;
	JoorItemQuery	  *query;
	JoorPositionSet	  *positions;
	int64			   valid;
	int64			   invalid;
	int64			   clamped;
	const char		  *hint;   /* of the first violation */
	StringInfoData	   first;  /* the first violation */
	StringInfoData	   others; /* the next ones, one a line */
};

/* Where a repeated position is looked for again. */
typedef struct RepeatSearch
{
	const JoorItemRules *rules;
	uint64				 hash;
	int64				 row; /* the first row with that hash; 0: none yet */
	int64		  again;	  /* a later row with the same position; 0: none */
	JoorItem	  item;		  /* of the first row; texts copied */
	MemoryContext context;
} RepeatSearch;

/* Remembers a violation for joor_item_list_refuse(). */
static void
note_violation(JoorItemList *list, const JoorViolation *violation)
{
	list->invalid++;
	if (list->invalid == 1)
	{
		joor_violation_append(&list->first, violation);
		list->hint = violation->hint;
	}
	else if (list->invalid <= VIOLATIONS_NAMED)
	{
		if (list->others.len > 0)
			appendStringInfoChar(&list->others, '\n');
		joor_violation_append(&list->others, violation);
	}
}

/*
 * Checks a row.  One of a feed has a key: what is sent without one could not
 * be sent as 0 when it goes.
 */
static bool
check_row(const JoorItemList *list, JoorItem *item, JoorViolation *violation)
{
	if (!joor_item_check(item, list->reader.rules, violation))
		return false;
	if (list->reader.key_column == NULL || item->key != NULL)
		return true;
	joor_violation_set(violation, item, JOOR_FIELD_NONE, NULL, 0, "has no key",
					   "Leave rows whose key is null out of the feed's "
					   "query.");
	return false;
}

/* JoorItemVisitor of the scan. */
static bool
visit_row(void *arg, JoorItem *item, JoorViolation *violation)
{
	JoorItemList *list = arg;
	JoorViolation broken;

	if (violation == NULL && !check_row(list, item, &broken))
		violation = &broken;
	if (violation != NULL)
	{
		note_violation(list, violation);
		if (list->reader.invalid != NULL)
			list->reader.invalid(list->reader.arg, item, violation);
		if (list->reader.seen != NULL &&
			joor_item_complete_position(item, list->reader.rules, violation))
			list->reader.seen(list->reader.arg, item);
		return false;
	}
	if (list->reader.seen != NULL)
		list->reader.seen(list->reader.arg, item);
	list->valid++;
	list->clamped += item->clamped;
	joor_position_set_add(list->positions, joor_item_hash(item));
	if (list->reader.valid == NULL)
		return true;
	list->reader.valid(list->reader.arg, item);
	return false;
}

/* JoorItemVisitor of the search for the rows of a repeated hash. */
static bool
visit_repeated(void *arg, JoorItem *item, JoorViolation *violation)
{
	RepeatSearch *search = arg;
	JoorViolation broken;

	if (search->again != 0 || violation != NULL ||
		!joor_item_check(item, search->rules, &broken) ||
		joor_item_hash(item) != search->hash)
		return false;
	if (search->row == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(search->context);

		joor_item_copy(&search->item, item);
		search->row = item->row;
		MemoryContextSwitchTo(old);
	}
	else if (joor_item_same_position(&search->item, item))
		search->again = item->row;
	return false;
}

/*
 * Errors out: two rows are one position.  The rows are found by running the
 * query once more, in the same snapshot; should it not give the same rows
 * again, the error names none.
 */
static void
refuse_repeated(const char *text, const JoorItemListReader *reader, uint64 hash)
{
	JoorItemQuery *query = joor_item_query_open(text, reader->key_column);
	RepeatSearch   search = {reader->rules,		  hash, 0, 0, {0},
							 CurrentMemoryContext};
	StringInfoData position;
	char		  *shown;

	joor_item_query_scan(query, visit_repeated, &search);
	joor_item_query_close(query);
	if (search.row != 0 && search.again == 0)
		return; /* two positions with one hash */
	initStringInfo(&position);
	if (search.row != 0)
		joor_item_append_position(&position, &search.item);
	shown = pg_any_to_server(position.data, position.len, PG_UTF8);
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("the query has more than one row for the same item"),
			 search.row != 0 ? errdetail("Rows " INT64_FORMAT
										 " and " INT64_FORMAT " are both %s.",
										 search.row, search.again, shown)
							 : 0,
			 errhint("Give one row for each warehouse, date and SKU, for "
					 "example by GROUP BY and sum().")));
}

JoorItemList *
joor_item_list_read(const char *text, const JoorItemListReader *reader)
{
	JoorItemList *list = palloc0(sizeof(JoorItemList));
	uint64		  hash;

	list->reader = *reader;
	list->context = CurrentMemoryContext;
	initStringInfo(&list->first);
	initStringInfo(&list->others);
	list->positions = joor_position_set_create();

	PushActiveSnapshot(GetTransactionSnapshot());
	list->query = joor_item_query_open(text, reader->key_column);
	joor_item_query_scan(list->query, visit_row, list);
	if (joor_position_set_repeated(list->positions, &hash))
		refuse_repeated(text, reader, hash);
	PopActiveSnapshot();
	return list;
}

int64
joor_item_list_valid(const JoorItemList *list)
{
	return list->valid;
}

void
joor_item_list_append(JoorItemList *list, const JoorItem *item)
{
	joor_item_query_append(list->query, item);
	list->valid++;
}

int64
joor_item_list_clamped(const JoorItemList *list)
{
	return list->clamped;
}

void
joor_item_list_refuse(const JoorItemList *list)
{
	int64 more = list->invalid - VIOLATIONS_NAMED;

	if (list->invalid == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", list->first.data),
			 list->invalid == 1 ? 0
			 : more <= 0
				 ? errdetail("Other rows are not valid either:\n%s",
							 list->others.data)
				 : errdetail(
					   "Other rows are not valid either:\n%s\nand " INT64_FORMAT
					   " more.",
					   list->others.data, more),
			 list->hint != NULL ? errhint("%s", list->hint) : 0));
}

bool
joor_item_list_next(JoorItemList *list, JoorItem *item)
{
	return joor_item_query_next(list->query, item);
}

void
joor_item_list_close(JoorItemList *list)
{
	joor_item_query_close(list->query);
}
