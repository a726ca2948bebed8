/*-------------------------------------------------------------------------
 *
 * change_trigger.c
 *	  joor.mark_changed(): the trigger function of watched tables.
 *
 * Arguments: the feed, and the column of this table that holds its key.  As
 * an AFTER ROW trigger it marks the key of the new row, and that of the old
 * one if it is another; as an AFTER TRUNCATE trigger, everything of the feed.
 * It reads no table and runs no query: what it does for a row is to find the
 * key in the tuple and to look it up in a hash table.
 *
 * It raises errors only when it is attached in a way that cannot work, never
 * for what a row holds, nor for a feed that is not there.  When the key column
 * has been renamed or dropped it warns, and marks everything of the feed:
 * selling goes on, and nothing is missed.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/change_trigger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"

#include "change_set.h"

PG_FUNCTION_INFO_V1(joor_inventory_mark_changed);

/* What a statement finds out about a trigger at its first row. */
typedef struct Watch
{
	JoorChangeSet *set; /* NULL: everything is marked already */
	AttrNumber	   column;
	bool		   by_value;
	int16		   length;
} Watch;

static void
pg_attribute_noreturn() refuse(const TriggerData *trigger, const char *detail)
{
	const char *table = RelationGetRelationName(trigger->tg_relation);

	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" on table \"%s\" cannot mark changed keys",
					trigger->tg_trigger->tgname, table),
			 errdetail("%s", detail),
			 errhint("Run DROP TRIGGER %s ON %s, and let SELECT "
					 "joor.watch('...', %s, key => '...') create one.",
					 quote_identifier(trigger->tg_trigger->tgname),
					 quote_identifier(table), quote_literal_cstr(table))));
}

/* Errors out unless the trigger is attached as joor.watch() does it. */
static void
check_trigger(const TriggerData *trigger)
{
	TriggerEvent event = trigger->tg_event;

	if (!TRIGGER_FIRED_AFTER(event))
		refuse(trigger, "It does not fire AFTER the change.");
	if (!TRIGGER_FIRED_FOR_ROW(event) && !TRIGGER_FIRED_BY_TRUNCATE(event))
		refuse(trigger, "It fires for a statement other than TRUNCATE.");
	if (trigger->tg_trigger->tgnargs != 2)
		refuse(trigger, "Its arguments are not a feed and a column.");
	if (strlen(trigger->tg_trigger->tgargs[0]) >= NAMEDATALEN)
		refuse(trigger, "Its first argument is too long to name a feed.");
}

/* A column that has a value in each row, by its name; 0: there is none. */
static AttrNumber
find_column(TupleDesc desc, const char *name)
{
	int i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped && !joor_is_virtual(column) &&
			strcmp(NameStr(column->attname), name) == 0)
			return column->attnum;
	}
	return InvalidAttrNumber;
}

/* The key column is not there (any more): everything may have changed. */
static void
mark_everything(const TriggerData *trigger)
{
	const char *feed = trigger->tg_trigger->tgargs[0];
	const char *table = RelationGetRelationName(trigger->tg_relation);

	ereport(WARNING,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of watched table \"%s\" does not exist",
					trigger->tg_trigger->tgargs[1], table),
			 errdetail("Each change of the table marks everything of feed "
					   "\"%s\".",
					   feed),
			 errhint("Name its key by SELECT joor.watch(%s, %s, key => '...').",
					 quote_literal_cstr(feed), quote_literal_cstr(table))));
	joor_change_set_everything(feed);
}

/*
 * Kept in fn_extra, which lives as long as the statement that fires, so not
 * longer than the set does.
 */
static Watch *
open_watch(const TriggerData *trigger, FmgrInfo *function)
{
	TupleDesc		  desc = RelationGetDescr(trigger->tg_relation);
	Watch			 *watch;
	Form_pg_attribute column;

	check_trigger(trigger);
	watch = MemoryContextAllocZero(function->fn_mcxt, sizeof(Watch));
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		joor_change_set_everything(trigger->tg_trigger->tgargs[0]);
	else
	{
		watch->column = find_column(desc, trigger->tg_trigger->tgargs[1]);
		if (watch->column == InvalidAttrNumber)
			mark_everything(trigger);
		else
		{
			column = TupleDescAttr(desc, watch->column - 1);
			watch->by_value = column->attbyval;
			watch->length = column->attlen;
			watch->set =
				joor_change_set(trigger->tg_trigger->tgargs[0], column);
		}
	}
	function->fn_extra = watch;
	return watch;
}

static void
mark_row(const TriggerData *trigger, const Watch *watch)
{
	TupleDesc desc = RelationGetDescr(trigger->tg_relation);
	bool	  isnull;
	bool	  old_isnull;
	Datum	  key;
	Datum	  old_key;

	key = heap_getattr(trigger->tg_trigtuple, watch->column, desc, &isnull);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		old_key = key;
		old_isnull = isnull;
		key = heap_getattr(trigger->tg_newtuple, watch->column, desc, &isnull);
		if (!old_isnull &&
			(isnull ||
			 !datumIsEqual(old_key, key, watch->by_value, watch->length)))
			joor_change_set_add(watch->set, old_key);
	}
	if (!isnull)
		joor_change_set_add(watch->set, key);
}

Datum
joor_inventory_mark_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Watch		*watch = fcinfo->flinfo->fn_extra;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("joor.mark_changed() is a trigger function, not to "
						"be called otherwise")));
	if (watch == NULL)
		watch = open_watch(trigger, fcinfo->flinfo);
	if (watch->set != NULL)
		mark_row(trigger, watch);
	return PointerGetDatum(NULL);
}
