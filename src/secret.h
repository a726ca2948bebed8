/*-------------------------------------------------------------------------
 *
 * secret.h
 *	  Memory for a token, which does not outlive its use; and registers.
 *
 * Freed memory keeps its bytes until somebody else needs it, and gets into
 * core dumps.  A secret is wiped before the memory context that it is in is
 * reset or deleted, in an error too; whoever holds one therefore has it in a
 * context that ends with what it is for.  pfree() and repalloc() are not for
 * secrets.
 *
 * Floor 1.
 *
 * IDENTIFICATION
 *	  src/secret.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_SECRET_H
#define JOOR_SECRET_H

/* So many bytes in the current memory context. */
extern char *joor_secret_alloc(Size size);

/*
 * Overwrites the registers by which texts are copied.  A new thread starts
 * with those of the thread that starts it, and may put them on its stack.
 */
extern void joor_secret_forget_registers(void);

#endif /* JOOR_SECRET_H */
