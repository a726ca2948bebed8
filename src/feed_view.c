/*-------------------------------------------------------------------------
 *
 * feed_view.c
 *	  The view that a feed is: made and changed for one who may not create
 *	  anything in schema joor.
 *
 * These are the steps of CREATE VIEW, one by one, since each needs a user of
 * its own: analysis the caller, the relation the extension's owner, who alone
 * may create it, and its rule its owner.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_view.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "commands/view.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "feed_view.h"

Query *
joor_feed_view_analyze(const char *text)
{
	List  *statements = pg_parse_query(text);
	Query *query = joor_parse_analyze(linitial_node(RawStmt, statements), text);

	if (isQueryUsingTempRelation(query))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a feed cannot use temporary tables or views"),
				 errdetail("It is read by the background worker, too, which "
						   "does not have them.")));
	return query;
}

/* The columns of a query as a table's. */
static List *
column_definitions(Query *query)
{
	List	 *columns = NIL;
	ListCell *cell;

	foreach (cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Node		*expression = (Node *) entry->expr;

		if (entry->resjunk)
			continue;
		columns =
			lappend(columns, makeColumnDef(entry->resname, exprType(expression),
										   exprTypmod(expression),
										   exprCollation(expression)));
	}
	return columns;
}

void
joor_feed_view_create(const char *name, Query *query, Oid owner)
{
	CreateStmt	 *statement = makeNode(CreateStmt);
	ObjectAddress view;
	JoorTables	  tables;

	statement->relation = makeRangeVar("joor", joor_feed_view_name(name), -1);
	statement->tableElts = column_definitions(query);
	statement->oncommit = ONCOMMIT_NOOP;
	joor_tables_open(&tables);
	view = DefineRelation(statement, RELKIND_VIEW, owner, NULL, NULL);
	joor_tables_close(&tables);
	CommandCounterIncrement();
	StoreViewQuery(view.objectId, query, false);
	CommandCounterIncrement();
}

/* Whether a view has just these columns. */
static bool
has_columns(Oid viewid, List *columns)
{
	Relation  view = relation_open(viewid, AccessExclusiveLock);
	TupleDesc desc = RelationGetDescr(view);
	bool	  same = desc->natts == list_length(columns);
	int		  i;

	for (i = 0; same && i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		ColumnDef		 *column = list_nth_node(ColumnDef, columns, i);

		same = strcmp(NameStr(attribute->attname), column->colname) == 0 &&
			   attribute->atttypid == column->typeName->typeOid &&
			   attribute->atttypmod == column->typeName->typemod &&
			   attribute->attcollation == column->collOid;
	}
	relation_close(view, NoLock);
	return same;
}

/* What was granted on a view, palloc'd; NULL: the default. */
static Acl *
view_acl(Oid view)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(view));
	bool	  isnull;
	Datum	  acl;
	Acl		 *copy = NULL;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", view);
	acl = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	if (!isnull)
		copy = DatumGetAclPCopy(acl);
	ReleaseSysCache(tuple);
	return copy;
}

/* Grants the same on a view that replaces another. */
static void
set_view_acl(Oid view, Oid owner, Acl *acl)
{
	Relation  relation = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(view));
	Acl		 *old = view_acl(view);
	Datum	  values[Natts_pg_class] = {0};
	bool	  nulls[Natts_pg_class] = {false};
	bool	  replaces[Natts_pg_class] = {false};
	Oid		 *old_members = NULL;
	Oid		 *members = NULL;
	int		  old_count = old != NULL ? aclmembers(old, &old_members) : 0;
	int		  count = acl != NULL ? aclmembers(acl, &members) : 0;

	values[Anum_pg_class_relacl - 1] = PointerGetDatum(acl);
	nulls[Anum_pg_class_relacl - 1] = acl == NULL;
	replaces[Anum_pg_class_relacl - 1] = true;
	tuple = heap_modify_tuple(tuple, RelationGetDescr(relation), values, nulls,
							  replaces);
	CatalogTupleUpdate(relation, &tuple->t_self, tuple);
	updateAclDependencies(RelationRelationId, view, 0, owner, old_count,
						  old_members, count, members);
	table_close(relation, RowExclusiveLock);
	CommandCounterIncrement();
}

void
joor_feed_view_replace(const JoorFeed *feed, Query *query)
{
	Acl *acl;

	if (has_columns(feed->view, column_definitions(query)))
	{
		StoreViewQuery(feed->view, query, true);
		CommandCounterIncrement();
		return;
	}
	acl = view_acl(feed->view);
	joor_feed_view_drop(feed);
	joor_feed_view_create(feed->name, query, feed->owner);
	set_view_acl(get_relname_relid(joor_feed_view_name(feed->name),
								   get_namespace_oid("joor", false)),
				 feed->owner, acl);
}

void
joor_feed_view_drop(const JoorFeed *feed)
{
	ObjectAddress view;

	ObjectAddressSet(view, RelationRelationId, feed->view);
	performDeletion(&view, DROP_RESTRICT, 0);
	CommandCounterIncrement();
}
