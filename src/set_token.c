/*-------------------------------------------------------------------------
 *
 * set_token.c
 *	  joor.set_token(server, token, role): a user mapping without a statement.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/set_token.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "account.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(joor_inventory_set_token);

/*
 * joor.set_token(server, token, role): makes or changes a user mapping.
 *
 * The mapping is written by core's own command code, which checks the rights
 * (owner of the server, or USAGE and one's own mapping), but without a
 * statement that could be logged.
 */

static RoleSpec *
make_role(const char *name)
{
	RoleSpec *role = makeNode(RoleSpec);

	role->location = -1;
	role->roletype = ROLESPEC_CSTRING;
	if (strcmp(name, "public") == 0)
		role->roletype = ROLESPEC_PUBLIC;
	else
		role->rolename = pstrdup(name);
	return role;
}

/* ALTER USER MAPPING: sets the token, and drops a token file. */
static void
alter_mapping(HeapTuple tuple, RoleSpec *role, const char *server,
			  const char *token)
{
	AlterUserMappingStmt *stmt = makeNode(AlterUserMappingStmt);
	DefElemAction		  action = DEFELEM_ADD;
	List				 *old_options;
	ListCell			 *cell;
	Datum				  options;
	bool				  isnull;

	stmt->user = role;
	stmt->servername = pstrdup(server);
	options = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple,
							  Anum_pg_user_mapping_umoptions, &isnull);
	old_options = isnull ? NIL : untransformRelOptions(options);
	foreach (cell, old_options)
	{
		DefElem *def = lfirst_node(DefElem, cell);

		if (strcmp(def->defname, "token") == 0)
			action = DEFELEM_SET;
		else if (strcmp(def->defname, "token_file") == 0)
			stmt->options = lappend(
				stmt->options, makeDefElemExtended(NULL, "token_file", NULL,
												   DEFELEM_DROP, -1));
	}
	stmt->options = lappend(
		stmt->options,
		makeDefElemExtended(NULL, "token", (Node *) makeString(pstrdup(token)),
							action, -1));
	AlterUserMapping(stmt);
}

static void
create_mapping(RoleSpec *role, const char *server, const char *token)
{
	CreateUserMappingStmt *stmt = makeNode(CreateUserMappingStmt);

	stmt->user = role;
	stmt->servername = pstrdup(server);
	stmt->options = list_make1(
		makeDefElem("token", (Node *) makeString(pstrdup(token)), -1));
	CreateUserMapping(stmt);
}

Datum
joor_inventory_set_token(PG_FUNCTION_ARGS)
{
	char	 *server = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	 *token = text_to_cstring(PG_GETARG_TEXT_PP(1));
	RoleSpec *role = make_role(NameStr(*PG_GETARG_NAME(2)));
	Oid		  userid = role->roletype == ROLESPEC_PUBLIC
						   ? InvalidOid
						   : get_rolespec_oid(role, false);
	HeapTuple tuple = SearchSysCache2(
		USERMAPPINGUSERSERVER, ObjectIdGetDatum(userid),
		ObjectIdGetDatum(joor_account_server(server)->serverid));

	if (HeapTupleIsValid(tuple))
	{
		alter_mapping(tuple, role, server, token);
		ReleaseSysCache(tuple);
	}
	else
		create_mapping(role, server, token);
	joor_wake_at_commit();
	PG_RETURN_VOID();
}
