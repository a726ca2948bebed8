/*-------------------------------------------------------------------------
 *
 * sequence.h
 *	  The next number of a sequence, unseen by the session.
 *
 * Floor 1.
 *
 * IDENTIFICATION
 *	  src/sequence.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_SEQUENCE_H
#define JOOR_SEQUENCE_H

#include "compat.h"

/*
 * As nextval(), for a sequence of ours that goes up by one and has no cache;
 * but what lastval() says in this session stays as it was, no rights are
 * asked for, and a transaction that has become read-only may go on.
 */
extern int64 joor_sequence_next(Oid sequence);

#endif /* JOOR_SEQUENCE_H */
