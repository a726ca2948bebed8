/*-------------------------------------------------------------------------
 *
 * account.c
 *	  Opens a JOOR account: foreign server, user mapping, token.
 *
 * Rules: USAGE on the server permits to send for it.  The token is read at
 * each opening, so a changed mapping or token file counts from the next
 * request on.  A token file must be a plain file that belongs to the server's
 * user or to root and that nobody else can read, as libpq demands of a key.
 *
 * Floor 3.
 *
 * IDENTIFICATION
 *	  src/account.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/dependency.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/fd.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "account.h"
#include "secret.h"

/* What to do where a token file is wrong. */
#define TOKEN_FILE_HINT                                                      \
	"Put the token into a file there that only the server's user can read, " \
	"or give it by joor.set_token()."

/* Longest token file that is read. */
#define TOKEN_FILE_MAX 8192

/*
 * Core locks servers with objsubid 0, so this one is ours alone.  It is an
 * advisory lock, of the kind that can be held by a session: those of the
 * other kind outlive a session that ends outside of a transaction.
 */
#define ACCOUNT_LOCK_SUBID 1

ForeignServer *
joor_account_server(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, false);
	Oid			   extension = get_extension_oid("joor_inventory", false);

	if (getExtensionOfObject(ForeignDataWrapperRelationId, server->fdwid) !=
		extension)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not a JOOR account", name),
				 errhint("Accounts are made by CREATE SERVER ... FOREIGN DATA "
						 "WRAPPER joor_inventory.")));
	return server;
}

static JoorAccount *
open_server(const ForeignServer *server)
{
	JoorAccount *account = palloc(sizeof(JoorAccount));

	joor_account_defaults(account);
	joor_account_set_options(account, server->options, ForeignServerRelationId);
	account->serverid = server->serverid;
	account->ownerid = server->owner;
	account->server = server->servername;
	return account;
}

JoorAccount *
joor_account_open_owned(Oid serverid)
{
	return open_server(GetForeignServer(serverid));
}

JoorAccount *
joor_account_open(const char *name)
{
	ForeignServer *server = joor_account_server(name);
	AclResult	   aclresult;

	aclresult =
		joor_foreign_server_aclcheck(server->serverid, GetUserId(), ACL_USAGE);
	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, OBJECT_FOREIGN_SERVER, server->servername);
	return open_server(server);
}

/*
 * Tokens.
 */

/* Errors out unless only the server's user and root can have written it. */
static void
check_token_file(const char *path, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("token file \"%s\" is not a regular file", path),
						errhint(TOKEN_FILE_HINT)));
	if (st->st_uid != geteuid() && st->st_uid != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("token file \"%s\" must be owned by the database "
						"user or root",
						path),
				 errhint(TOKEN_FILE_HINT)));
	if ((st->st_uid == geteuid() && (st->st_mode & (S_IRWXG | S_IRWXO))) ||
		(st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IXGRP | S_IRWXO))))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("token file \"%s\" has group or world access", path),
				 errdetail("File must have permissions u=rw (0600) or less if "
						   "owned by the database user, or permissions "
						   "u=rw,g=r (0640) or less if owned by root."),
				 errhint(TOKEN_FILE_HINT)));
}

/* Reads the token out of its file; a line end after it is not part of it. */
static char *
read_token_file(const char *path, struct stat *st)
{
	int		fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	char   *token = joor_secret_alloc(TOKEN_FILE_MAX + 1);
	ssize_t length;

	if (fd < 0 || fstat(fd, st) < 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not open token file \"%s\": %m", path),
						errhint(TOKEN_FILE_HINT)));
	check_token_file(path, st);
	length = read(fd, token, TOKEN_FILE_MAX + 1);
	if (length < 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read token file \"%s\": %m", path),
						errhint(TOKEN_FILE_HINT)));
	CloseTransientFile(fd);
	if (length > TOKEN_FILE_MAX)
		ereport(ERROR, (errcode(ERRCODE_CONFIG_FILE_ERROR),
						errmsg("token file \"%s\" is too long", path),
						errhint(TOKEN_FILE_HINT)));
	token[length] = '\0';
	token[strcspn(token, "\r\n")] = '\0';
	joor_account_check_secret("token_file", token);
	return token;
}

/* The value of the Authorization header. */
static char *
make_authorization(const char *token, bool bearer)
{
	const char *scheme = bearer ? "Bearer " : "OAuth2 ";
	int			prefix = strlen(scheme);
	int			length = strlen(token);
	int			size = bearer ? length : pg_b64_enc_len(length);
	char	   *value = joor_secret_alloc(prefix + size + 1);

	memcpy(value, scheme, prefix);
	if (bearer)
		memcpy(value + prefix, token, length);
	else
		size = joor_b64_encode(token, length, value + prefix, size);
	if (size < 0)
		elog(ERROR, "could not encode a token");
	value[prefix + size] = '\0';
	return value;
}

/* The user's mapping, else PUBLIC's; NULL: none.  To be released. */
static HeapTuple
find_mapping(Oid userid, Oid serverid)
{
	HeapTuple tuple =
		SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(userid),
						ObjectIdGetDatum(serverid));

	if (!HeapTupleIsValid(tuple))
		tuple =
			SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
							ObjectIdGetDatum(serverid));
	return tuple;
}

/* Raw xmin of a server's row: it changes with every ALTER SERVER. */
static TransactionId
server_version(Oid serverid)
{
	HeapTuple tuple =
		SearchSysCache1(FOREIGNSERVEROID, ObjectIdGetDatum(serverid));
	TransactionId xmin;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for foreign server %u", serverid);
	xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
	ReleaseSysCache(tuple);
	return xmin;
}

/* Reads the options of the user's mapping; its row's version. */
static char *
read_mapping(JoorAccount *account, Oid userid)
{
	HeapTuple tuple = find_mapping(userid, account->serverid);
	char	 *version;
	Datum	  options;
	bool	  isnull;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("role \"%s\" has no user mapping for server \"%s\"",
						GetUserNameFromId(userid, false), account->server),
				 errhint("Give the account its token by SELECT "
						 "joor.set_token(%s, '...').",
						 quote_literal_cstr(account->server))));
	version = psprintf("%u/%u", ((Form_pg_user_mapping) GETSTRUCT(tuple))->oid,
					   HeapTupleHeaderGetRawXmin(tuple->t_data));
	options = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple,
							  Anum_pg_user_mapping_umoptions, &isnull);
	if (!isnull)
		joor_account_set_options(account, untransformRelOptions(options),
								 UserMappingRelationId);
	ReleaseSysCache(tuple);
	return version;
}

void
joor_account_authorize(JoorAccount *account, Oid userid)
{
	struct stat st = {0};
	char	   *version = read_mapping(account, userid);

	if (account->token_file != NULL)
		account->token = read_token_file(account->token_file, &st);
	if (account->token == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("user mapping for server \"%s\" has no token",
							   account->server),
						errhint("Set it by SELECT joor.set_token(%s, '...').",
								quote_literal_cstr(account->server))));
	account->authorization =
		make_authorization(account->token, account->bearer);
	account->configuration = psprintf(
		"server %u/%u, mapping %s, file %lld", account->serverid,
		server_version(account->serverid), version, (long long) st.st_mtime);
}

void
joor_account_check_owner(const JoorAccount *account)
{
	if (!joor_foreign_server_ownercheck(account->serverid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_FOREIGN_SERVER,
					   account->server);
}

/*
 * The account's order.
 */

/* Accounts whose place this process holds outside of transactions. */
static List *session_locked = NIL;

static LOCKTAG
account_locktag(Oid serverid)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ForeignServerRelationId, serverid,
					   ACCOUNT_LOCK_SUBID);
	tag.locktag_lockmethodid = USER_LOCKMETHOD;
	return tag;
}

void
joor_account_lock(const JoorAccount *account)
{
	LOCKTAG tag = account_locktag(account->serverid);

	if (InSecurityRestrictedOperation())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("cannot send to JOOR within "
							   "security-restricted operation"),
						errdetail("A function of a feed, or of an index or "
								  "materialized view, must not send.")));
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

void
joor_account_unlock(const JoorAccount *account)
{
	LOCKTAG tag = account_locktag(account->serverid);

	LockRelease(&tag, ExclusiveLock, false);
}

bool
joor_account_lock_session(Oid serverid)
{
	LOCKTAG		  tag = account_locktag(serverid);
	MemoryContext old;

	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	old = MemoryContextSwitchTo(TopMemoryContext);
	session_locked = lappend_oid(session_locked, serverid);
	MemoryContextSwitchTo(old);
	return true;
}

void
joor_account_unlock_session(Oid serverid)
{
	LOCKTAG tag = account_locktag(serverid);

	LockRelease(&tag, ExclusiveLock, true);
	session_locked = list_delete_oid(session_locked, serverid);
}

void
joor_account_guard_sessions(void)
{
	ListCell *cell;

	foreach (cell, session_locked)
	{
		LOCKTAG tag = account_locktag(lfirst_oid(cell));

		(void) LockAcquire(&tag, ExclusiveLock, false, true);
	}
}

void
joor_account_restore_sessions(void)
{
	ListCell *cell;

	foreach (cell, session_locked)
	{
		LOCKTAG tag = account_locktag(lfirst_oid(cell));

		(void) LockAcquire(&tag, ExclusiveLock, true, true);
		LockRelease(&tag, ExclusiveLock, false);
	}
}
