/*-------------------------------------------------------------------------
 *
 * feed.h
 *	  A feed: an item query with a name and a key, and how it is read.
 *
 * Words: a feed is the view joor."feed_<name>"; who owns the view owns the
 * feed.  joor.feed_definition holds the rest: its account and its key column.
 * A key is a value of that column, as text.
 *
 * Life: open - check the caller's rights - make the query - enter - run the
 * query as an item query with the feed's key_column - leave.  What the query
 * calls runs with the rights of the feed's owner, whoever reads the feed,
 * and cannot get out of them; the settings on which texts depend are fixed.
 *
 * Order of locks: who writes the feed's row locks it before he opens the feed,
 * which locks the view; tables that it reads come last.  So the worker writes
 * down a failure in a transaction in which it has not opened the feed.
 *
 * No function here needs or leaves an SPI connection.  One that is made before
 * enter stays good between enter and leave.  The caller has a transaction,
 * and an active snapshot where it needs one for its own sake.
 *
 * Floor 4: the SQL text of joor.feed_definition stands here.
 *
 * IDENTIFICATION
 *	  src/feed.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_FEED_H
#define JOOR_FEED_H

#include "compat.h"

#include "tables.h"

#include "utils/timestamp.h"

/* The longest name of a feed in bytes: that of its view is an identifier. */
#define JOOR_FEED_PREFIX "feed_"
#define JOOR_FEED_NAME_MAX (NAMEDATALEN - 1 - (int) strlen(JOOR_FEED_PREFIX))

/* All of it in the memory context in which the feed was opened. */
typedef struct JoorFeed
{
	char *name;
	Oid	  serverid;	  /* its account; InvalidOid: the server was dropped */
	char *server;	  /* the server's name, now or when it was last there */
	char *key_column; /* of the view, not quoted */
	Oid	  view;		  /* locked until the end of the transaction */
	Oid	  owner;
	Oid	  key_type;	  /* a domain's base type */
	int32 key_typmod; /* likewise */
	char *columns;	  /* of the view: a select list, quoted */
} JoorFeed;

/*
 * The feed of that name.  Errors (ERRCODE_UNDEFINED_OBJECT): no such feed;
 * its view or its server was dropped; (ERRCODE_UNDEFINED_COLUMN): its view has
 * no key column any more.  Rights are not checked.
 */
extern JoorFeed *joor_feed_open(const char *name);

/*
 * The same for those who mend or remove feeds: only the first of these is an
 * error.  Otherwise view, owner and key_type, or serverid, are InvalidOid.
 */
extern JoorFeed *joor_feed_find(const char *name);

/*
 * The same for its owner, who mends it by what he is about to do: that the
 * view was dropped is an error, and that the current user may not do what the
 * feed's owner may (ERRCODE_INSUFFICIENT_PRIVILEGE).
 */
extern JoorFeed *joor_feed_open_own(const char *name);

/*
 * Locks the feed's row of joor.feed_definition, if there is one, until the end
 * of the transaction.
 */
extern void joor_feed_lock(const char *name);

/* Errors out unless the current user may do what the feed's owner may. */
extern void joor_feed_check_owner(const JoorFeed *feed);

/*
 * Errors out unless the current user may read the view and send for the
 * account: SELECT on the one, USAGE on the other.
 */
extern void joor_feed_check_select(const JoorFeed *feed);

/* Errors out unless that role may send for the account. */
extern void joor_feed_check_usage(const JoorFeed *feed, Oid userid);

/* How much of a feed is read. */
typedef enum JoorFeedPart
{
	JOOR_FEED_ALL,		  /* every row; keys are not looked at */
	JOOR_FEED_BY_KEY,	  /* rows of some keys, found by an index if any */
	JOOR_FEED_ALL_BY_KEY, /* rows of most keys: reads all, keeps those */
} JoorFeedPart;

/*
 * The item query of a part of the feed, palloc'd.  Keys are texts in the
 * server's encoding; those that no row can have, since they are out of range
 * for the key's type, are left out.  To be run between enter and leave.
 */
extern char *joor_feed_query(const JoorFeed *feed, JoorFeedPart part,
							 char *const *keys, int count);

/*
 * Whether a value of the key's type may have that text.  A watched table may
 * hold the key in a wider integer type than the feed; then the cast of a key
 * must not fail that the feed cannot have.
 */
extern bool joor_feed_key_is_possible(const JoorFeed *feed, const char *key);

/* What leave gives back. */
typedef struct JoorFeedState
{
	Oid userid;
	int sec_context;
	int nest_level; /* of configuration parameters */
} JoorFeedState;

/*
 * Becomes the feed's owner within a security-restricted operation, with fixed
 * search_path and output settings.  Leave restores what was before, whatever
 * the feed's functions have set; so does an error, as the end of the
 * (sub)transaction.
 */
extern void joor_feed_enter(const JoorFeed *feed, JoorFeedState *state);
extern void joor_feed_leave(const JoorFeedState *state);

/* A feed of an account, as its worker needs to know it. */
typedef struct JoorFeedName
{
	char	   *name;
	TimestampTz created_at; /* tells it from an earlier one of that name */
	bool		failing;	/* the definition says so */
} JoorFeedName;

/* The feeds of a server, in the current memory context.  Tables are open. */
extern JoorFeedName *joor_feed_names(Oid serverid, int *count);

/*
 * Writes down that the feed's query fails, or NULL: that it does no longer.
 * Waits for nobody; false: somebody is changing the feed.  Tables are open.
 */
extern bool joor_feed_note_failure(const char *name, const char *failure);

/* The name of the view of a feed, palloc'd and not quoted. */
extern char *joor_feed_view_name(const char *name);

/*
 * After a restore, the feeds of the server of that name are this one's; after
 * a renaming, its feeds get its name of now.  Tables are open.
 */
extern void joor_feed_adopt(Oid serverid, const char *server);

#endif /* JOOR_FEED_H */
