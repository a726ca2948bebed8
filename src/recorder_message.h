/*-------------------------------------------------------------------------
 *
 * recorder_message.h
 *	  The messages between a session and its recorder, as bytes.
 *
 * Both are processes of one server and one database: integers are sent by
 * libpq's byte order, texts as they are, in the server's encoding, items as
 * their bytes.  The order of fields is that of the structs.
 *
 * Floor 6: knows no process.
 *
 * IDENTIFICATION
 *	  src/recorder_message.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_RECORDER_MESSAGE_H
#define JOOR_RECORDER_MESSAGE_H

#include "request_log.h"

#include "lib/stringinfo.h"

/* First byte of a message. */
typedef enum JoorMessageType
{
	JOOR_MESSAGE_START = 'S',
	JOOR_MESSAGE_FINISH = 'F',
	JOOR_MESSAGE_REJECT = 'R',
	JOOR_MESSAGE_DONE = 'D',  /* the recorder did as it was told */
	JOOR_MESSAGE_ERROR = 'E', /* it could not */
} JoorMessageType;

/*
 * Each put has its get; texts that are got are palloc'd, those of items lie in
 * the message.
 */
extern void	 joor_message_put_text(StringInfo message, const char *text);
extern char *joor_message_get_text(StringInfo message);
extern void	 joor_message_put_start(StringInfo				message,
									const JoorRequestStart *start);
extern void joor_message_get_start(StringInfo message, JoorRequestStart *start);
extern void joor_message_put_finish(StringInfo				 message,
									const JoorRequestFinish *finish);
extern void joor_message_get_finish(StringInfo		   message,
									JoorRequestFinish *finish);
extern void joor_message_put_permit(StringInfo				 message,
									const JoorRequestPermit *permit);
extern void joor_message_get_permit(StringInfo		   message,
									JoorRequestPermit *permit);
extern void joor_message_put_error(StringInfo message, const ErrorData *error);

/* Throws the error that a message holds, with our words before it. */
extern void joor_message_throw_error(StringInfo message)
	pg_attribute_noreturn();

#endif /* JOOR_RECORDER_MESSAGE_H */
