/*-------------------------------------------------------------------------
 *
 * account.h
 *	  A JOOR account: a foreign server, and the token of a user mapping.
 *
 * Words: the options are those of the foreign server and of the user mapping;
 * the secret is the token, and the authorization made of it.  Only the user
 * mapping holds a secret, and no message ever shows one.
 *
 * Life: joor_account_open() reads and checks the server's options;
 * joor_account_authorize() adds the secret, for those who are about to send.
 * Both allocate in the current memory context, which is to end with what is
 * sent: then the authorization, and a token read from a file, are wiped.
 * A token that is an option stays in PostgreSQL's caches and buffers anyway.
 *
 * Floor 3: knows no queue.
 *
 * IDENTIFICATION
 *	  src/account.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ACCOUNT_H
#define JOOR_ACCOUNT_H

#include "payload.h"

#include "foreign/foreign.h"
#include "nodes/pg_list.h"

typedef struct JoorAccount
{
	Oid				 serverid;
	Oid				 ownerid;	  /* owner of the server */
	char			*server;	  /* its name */
	char			*url;		  /* base address, without a trailing slash */
	JoorPayloadStyle style;		  /* format, json_shape, ... */
	const char		*method;	  /* POST or PUT, of the bulk call */
	bool			 bearer;	  /* auth_scheme */
	JoorItemRules	 rules;		  /* warehouse, warehouses, negative */
	bool			 dec_pending; /* when the caller does not say */
	int				 max_items;	  /* of a request */
	Size			 max_bytes;	  /* of a request's body */
	int				 connect_timeout; /* milliseconds */
	int				 timeout;		  /* milliseconds */
	int				 credits;		  /* of a window */
	int				 reserve;		  /* of them, for interactive pushes */
	int64			 window;		  /* microseconds */
	char			*ca_file;		  /* NULL: the system's */
	char			*token;			  /* user mapping; NULL: none */
	char			*token_file;	  /* user mapping; NULL: none */
	char			*authorization; /* header value; NULL: not yet authorized */
	char *configuration; /* stamp that changes with server, mapping or
								  * token file; NULL: not yet authorized */
} JoorAccount;

/* Sets every option's default. */
extern void joor_account_defaults(JoorAccount *account);

/*
 * Sets the options of a list of DefElem that belong to that catalog
 * (ForeignServerRelationId, UserMappingRelationId or any other, which has
 * none).  Errors: ERRCODE_FDW_INVALID_OPTION_NAME with a hint that lists the
 * valid names, ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE,
 * ERRCODE_FDW_OPTION_NAME_NOT_FOUND for a server without url.
 */
extern void joor_account_set_options(JoorAccount *account, List *options,
									 Oid catalog);

/*
 * Errors out unless a secret can be a header's value: not empty, no space, no
 * control character.  `name` is that of its option; the value is not shown.
 */
extern void joor_account_check_secret(const char *name, const char *value);

/* The server of that name; errors out unless it is one of ours. */
extern ForeignServer *joor_account_server(const char *name);

/*
 * The account of a server that the current user has USAGE on.  Errors: no
 * such server, not one of ours (ERRCODE_WRONG_OBJECT_TYPE), no USAGE.
 */
extern JoorAccount *joor_account_open(const char *server);

/* The account of a server, without regard to rights; for its worker. */
extern JoorAccount *joor_account_open_owned(Oid serverid);

/*
 * Adds the secret of the user's mapping, else PUBLIC's.  Errors: no mapping
 * or no token (ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION), a token file
 * that cannot be read or that others can read.
 */
extern void joor_account_authorize(JoorAccount *account, Oid userid);

/* Errors out unless the current user owns the server. */
extern void joor_account_check_owner(const JoorAccount *account);

/*
 * Takes the account's place in the order of sends: at most one process sends
 * for an account, the others wait, cancellable, in pg_locks as an object of
 * pg_foreign_server.  Released by joor_account_unlock() or by the end of the
 * (sub)transaction.  Error (ERRCODE_INSUFFICIENT_PRIVILEGE): called by what a
 * feed calls, whose reader, maybe the worker, did not ask for a send.
 */
extern void joor_account_lock(const JoorAccount *account);
extern void joor_account_unlock(const JoorAccount *account);

/*
 * The same for a process that sends outside of transactions: takes the place
 * if it is free and nobody waits for it (false: it is not), and keeps it
 * until it is given up, or the process ends.
 */
extern bool joor_account_lock_session(Oid serverid);
extern void joor_account_unlock_session(Oid serverid);

/*
 * Around code of others that may give up all session locks: guard lets the
 * (sub)transaction hold all that lock_session has taken as well, restore takes
 * them again for the session, whatever it still has of them gone.
 */
extern void joor_account_guard_sessions(void);
extern void joor_account_restore_sessions(void);

#endif /* JOOR_ACCOUNT_H */
