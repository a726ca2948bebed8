/*-------------------------------------------------------------------------
 *
 * item_query.c
 *	  An item query as a stream of items.
 *
 * Rows are read where the executor leaves them: the portal is fetched to its
 * end into a receiver of ours, so that no row is copied that nobody keeps.
 * Reading and visiting a row happen in a memory context that is reset after
 * it, under the resource owner that scan was called with: what a visitor
 * opens must outlive the portal, which is closed at the end of the scan.
 *
 * Writes are refused twice: a statement that is no plain SELECT by us, with a
 * message that fits, and what hides deeper by core, since the cursor is
 * opened read-only.  A function that the query calls may still do what it
 * likes, as in any SELECT.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/item_query.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/resowner.h"

#include "item_column.h"
#include "item_query.h"
#include "item_store.h"

struct JoorItemQuery
{
	MemoryContext  context;		/* holds this struct */
	MemoryContext  row_context; /* reset after each row */
	char		  *text;
	SPIPlanPtr	   plan;
	Portal		   portal; /* NULL after the scan */
	JoorColumn	  *columns;
	JoorItemStore *kept; /* NULL before the scan */
};

/* What a scan gives to the executor. */
typedef struct ItemReceiver
{
	DestReceiver	pub; /* must be first */
	JoorItemQuery  *query;
	JoorItemVisitor visitor;
	void		   *arg;
	ResourceOwner	owner; /* the visitor's */
	JoorItem		item;  /* of the current row */
} ItemReceiver;

/*
 * Opening.
 */

static void
pg_attribute_noreturn() refuse_statement(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_CURSOR_DEFINITION),
			 errmsg("an item query must be one SELECT"),
			 errdetail("%s", detail),
			 errhint("VALUES, TABLE and WITH ... SELECT are fine, too.")));
}

/* Errors out unless the text was one statement that only reads. */
static void
check_statement(SPIPlanPtr plan)
{
	List			 *sources = SPI_plan_get_plan_sources(plan);
	CachedPlanSource *source;
	Query			 *query;
	CommandTag		  tag;

	if (sources == NIL)
		refuse_statement("The text has no statement.");
	if (list_length(sources) > 1)
		refuse_statement(
			psprintf("The text has %d statements.", list_length(sources)));
	source = linitial(sources);
	query = list_length(source->query_list) == 1
				? linitial_node(Query, source->query_list)
				: NULL;
	tag = query != NULL ? CreateCommandTag((Node *) query) : source->commandTag;
	if (query == NULL || tag != CMDTAG_SELECT)
		refuse_statement(
			psprintf("The statement is %s.", GetCommandTagName(tag)));
	if (query->hasModifyingCTE)
		refuse_statement("The statement changes data in its WITH clause.");
}

JoorItemQuery *
joor_item_query_open(const char *text, const char *key_column)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory query", ALLOCSET_SMALL_SIZES);
	MemoryContext  old = MemoryContextSwitchTo(context);
	JoorItemQuery *query = palloc0(sizeof(JoorItemQuery));

	query->context = context;
	query->row_context = AllocSetContextCreate(context, "joor_inventory row",
											   ALLOCSET_DEFAULT_SIZES);
	query->text = pstrdup(text);
	query->plan = SPI_prepare_cursor(text, 0, NULL, CURSOR_OPT_NO_SCROLL);
	if (query->plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s",
			 SPI_result_code_string(SPI_result));
	check_statement(query->plan);
	query->portal = SPI_cursor_open(NULL, query->plan, NULL, NULL, true);
	query->columns = joor_columns_match(query->portal->tupDesc, key_column);
	MemoryContextSwitchTo(old);
	return query;
}

/*
 * Scanning.
 */

/* Reads a row; false: the first violation is filled in. */
static bool
read_row(JoorItemQuery *query, TupleTableSlot *slot, JoorItem *item,
		 JoorViolation *violation)
{
	JoorViolation later;
	bool		  valid = true;
	int			  i;

	slot_getallattrs(slot);
	item->present = 0;
	item->sent = 0;
	item->clamped = false;
	item->key = NULL;
	for (i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		if (slot->tts_isnull[i])
			continue;
		if (query->columns[i].is_key)
			item->key = OutputFunctionCall(&query->columns[i].key_output,
										   slot->tts_values[i]);
		if (query->columns[i].field == JOOR_FIELD_NONE)
			continue;
		if (!joor_column_read(&query->columns[i], slot->tts_values[i], item,
							  valid ? violation : &later))
			valid = false;
	}
	return valid;
}

/* DestReceiver callback: a row. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	ItemReceiver  *receiver = (ItemReceiver *) self;
	JoorItemQuery *query = receiver->query;
	JoorItem	  *item = &receiver->item;
	MemoryContext  old = MemoryContextSwitchTo(query->row_context);
	ResourceOwner  portal_owner = CurrentResourceOwner;
	JoorViolation  violation;
	bool		   valid;

	CurrentResourceOwner = receiver->owner;
	item->row++;
	valid = read_row(query, slot, item, &violation);
	if (receiver->visitor(receiver->arg, item, valid ? NULL : &violation))
		joor_item_store_put(query->kept, item);
	CurrentResourceOwner = portal_owner;
	MemoryContextSwitchTo(old);
	MemoryContextReset(query->row_context);
	return true;
}

static void
receive_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
receive_nothing(DestReceiver *self)
{
}

/* Says which query an error came from, as SPI does for its own. */
static void
query_error_context(void *arg)
{
	errcontext("SQL statement \"%s\"", ((JoorItemQuery *) arg)->text);
}

int64
joor_item_query_scan(JoorItemQuery *query, JoorItemVisitor visitor, void *arg)
{
	ErrorContextCallback callback = {error_context_stack, query_error_context,
									 query};
	MemoryContext		 old = MemoryContextSwitchTo(query->context);
	ItemReceiver		 receiver = {0};

	receiver.pub.receiveSlot = receive_row;
	receiver.pub.rStartup = receive_startup;
	receiver.pub.rShutdown = receive_nothing;
	receiver.pub.rDestroy = receive_nothing;
	receiver.query = query;
	receiver.visitor = visitor;
	receiver.arg = arg;
	receiver.owner = CurrentResourceOwner;
	query->kept = joor_item_store_create();
	error_context_stack = &callback;
	PortalRunFetch(query->portal, FETCH_FORWARD, FETCH_ALL, &receiver.pub);
	error_context_stack = callback.previous;
	SPI_cursor_close(query->portal);
	query->portal = NULL;
	MemoryContextSwitchTo(old);
	return receiver.item.row;
}

/*
 * Kept rows.
 */

void
joor_item_query_append(JoorItemQuery *query, const JoorItem *item)
{
	joor_item_store_put(query->kept, item);
}

bool
joor_item_query_next(JoorItemQuery *query, JoorItem *item)
{
	CHECK_FOR_INTERRUPTS();
	return joor_item_store_next(query->kept, item);
}

void
joor_item_query_close(JoorItemQuery *query)
{
	if (query->kept != NULL)
		joor_item_store_free(query->kept);
	if (query->portal != NULL)
		SPI_cursor_close(query->portal);
	SPI_freeplan(query->plan);
	MemoryContextDelete(query->context);
}
