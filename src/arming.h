/*-------------------------------------------------------------------------
 *
 * arming.h
 *	  Whether an account may be sent to from this database.
 *
 * Words: an account is armed by activation, which records the system
 * identifier of the cluster and the database.  In a restored or copied
 * database they no longer match, so that a copy never writes to the account
 * of the original.  It can be paused by its owner, and it is stopped when an
 * answer said that nothing will get through until someone acts; a stop ends
 * by joor.resume(), joor.activate(), or when the server, its user mapping or
 * its token file has changed.
 *
 * joor.account is written by the caller's transaction.  joor.stop is written
 * by whoever records the request that led to it, so the two never wait for
 * each other.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/arming.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ARMING_H
#define JOOR_ARMING_H

#include "account.h"

#include "utils/timestamp.h"

/*
 * Errors out when nothing is sent from this cluster at all: sending is
 * switched off, or the server is a standby.
 */
extern void joor_arming_check_cluster(void);

/*
 * Errors out unless the account may be sent to now
 * (ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE): sending is switched off, the
 * server is a standby, the account is not activated, activated elsewhere,
 * paused or stopped.  The account has been authorized.  needs_arming: false
 * for activation itself, which tests the first two only.
 */
extern void joor_arming_check(const JoorAccount *account, bool needs_arming);

/*
 * Records the activation, in the caller's transaction.  True: the account was
 * not activated in this database before.
 */
extern bool joor_arming_activate(const JoorAccount *account);

/*
 * When the account was last activated or resumed; 0: never.  With
 * joor_tables_open().
 */
extern TimestampTz joor_arming_resumed_at(Oid serverid);

/* Stops the account; the recorder's part.  Texts in the server's encoding. */
extern void joor_arming_stop(Oid serverid, const char *server,
							 const char *reason, const char *configuration);

#endif /* JOOR_ARMING_H */
