/*
 * target_reply.c
 *	  Reading JOOR's answer: the first byte picks the content type, the others
 *	  are the answer.
 *
 * Whatever comes, nothing is thrown, and what was read keeps reply.h's rules.
 */
#include "fuzz.h"

#include "mb/pg_wchar.h"

#include "reply_builder.h"

static const char *const content_types[] = {
	NULL, "application/json", "application/xml", "text/xml; charset=utf-8",
	"text/plain"};

/* UTF-8 without control characters, not empty, not too long. */
static void
check_text(const char *text)
{
	const unsigned char *c = (const unsigned char *) text;

	if (text == NULL)
		return;
	FUZZ_REQUIRE(*text != '\0');
	FUZZ_REQUIRE(strlen(text) <= JOOR_REPLY_TEXT_MAX);
	FUZZ_REQUIRE(pg_verify_mbstr_len(PG_UTF8, text, (int) strlen(text), true) >=
				 0);
	for (; *c != '\0'; c++)
	{
		FUZZ_REQUIRE(*c >= ' ' && *c != 0x7f);
		FUZZ_REQUIRE(*c != 0xc2 || c[1] > 0x9f);
	}
}

static void
check_entry(const JoorReplyEntry *entry)
{
	check_text(entry->sku);
	check_text(entry->log_id);
	check_text(entry->reason);
	FUZZ_REQUIRE(entry->status == JOOR_STATUS_UNKNOWN ||
				 entry->status == JOOR_STATUS_PASS ||
				 entry->status == JOOR_STATUS_FAIL);
}

void
fuzz_reply(const char *data, Size size)
{
	JoorReply *reply;
	int		   i;

	if (size == 0)
		return;
	reply =
		joor_reply_read(data + 1, size - 1,
						content_types[(uint8) *data % lengthof(content_types)]);
	check_text(reply->code);
	check_text(reply->comment);
	check_text(reply->log_id);
	for (i = 0; i < reply->nentries; i++)
		check_entry(&reply->entries[i]);
	FUZZ_REQUIRE(reply->has_code == (reply->code != NULL));
	FUZZ_REQUIRE(reply->sku_count >= 0);
	FUZZ_REQUIRE(reply->has_log || reply->nentries == 0);
	FUZZ_REQUIRE(reply->readable ||
				 (!reply->success && !reply->has_code && !reply->has_log &&
				  !reply->has_sku_count && reply->log_id == NULL));
}
