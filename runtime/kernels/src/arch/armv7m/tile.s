@ Matrix micro-kernel for Armv7-M: three pixels by groups of four channels. See mod.rs for the method and tile.rs
@ for the arguments.

    .syntax unified
    .thumb

    .equ SAVED_TILE, 0
    .equ SAVED_ENTRY, 4
    .equ SAVED_CLAMPS, 8
    .equ ACCUMULATORS, 16
    .equ SUMS, 48

    @ One tap: X1, X2 from r3 meet the weights of four channels from r12. 52 bytes.
    .macro TILE_TAP
    ldrd r1, r2, [r3], #8
    ldrsb r0, [r12], #4
    mla r4, r0, r1, r4
    mla r5, r0, r2, r5
    ldrsb r0, [r12, #-3]
    mla r6, r0, r1, r6
    mla r7, r0, r2, r7
    ldrsb r0, [r12, #-2]
    mla r8, r0, r1, r8
    mla r9, r0, r2, r9
    ldrsb r0, [r12, #-1]
    mla r10, r0, r1, r10
    mla r11, r0, r2, r11
    .endm

    .macro TILE_ZERO
    movs r4, #0
    movs r5, #0
    movs r6, #0
    movs r7, #0
    mov r8, r4
    mov r9, r4
    mov r10, r4
    mov r11, r4
    .endm

    @ r0, r1: accumulators of three pixels. Leaves the first sum in r2, 2^11 times the others in r0 and r1.
    .macro TILE_DECODE
    sub r2, r0, r1, lsl #11
    sbfx r2, r2, #0, #22
    sub r0, r0, r2
    sub r1, r1, r0, asr #11
    .endm

    @ Doubled accumulator \acc to an output in i8 range. r4: multiplier, r5: rounding, r6: right shift; r3, r12: scratch.
    .macro TILE_STAGE acc
    mov r3, #0x80000000
    add r12, r5, \acc, asr #31
    smlal r3, r12, \acc, r4
    asr r12, r12, r6
    ssat \acc, #8, r12
    .endm

    @ \acc between r3 and r4
    .macro TILE_CLAMP acc
    cmp \acc, r3
    it lt
    movlt \acc, r3
    cmp \acc, r4
    it gt
    movgt \acc, r4
    .endm

    @ Output stage of three doubled accumulators r2, r0, r1, and their stores. The last pixel goes first: with fewer
    @ than three pixels its place is that of one before it.
    .macro TILE_FINISH
    TILE_STAGE r1
    TILE_STAGE r0
    TILE_STAGE r2
    ldr r3, [sp, #SAVED_CLAMPS]
    cbz r3, 9f
    ldr r3, [sp]
    ldrd r3, r4, [r3, #MIN]
    TILE_CLAMP r0
    TILE_CLAMP r1
    TILE_CLAMP r2
9:
    strb r1, [r8, r10]
    strb r0, [r8, r9]
    strb r2, [r8], #1
    .endm

    @ r7: table, r8: output, r9, r10: offsets of the second and third pixel, r11: ACCUMULATORS or SUMS, lr: channels
    .macro TILE_EPILOGUE
    ldr r12, [sp]
    ldr r7, [r12, #TABLE]
    ldr lr, [r12, #CHANNELS]
    add r0, r12, #OUTPUT
    ldm r0, {r8, r9, r10}
    cmp lr, #4
    it hi
    movhi lr, #4
    .endm

    .section .text.kinglet_armv7m_tile3, "ax", %progbits
    .p2align 2
    .global kinglet_armv7m_tile3
    .type kinglet_armv7m_tile3, %function
    .thumb_func
kinglet_armv7m_tile3:
    push {r4-r11, lr}
    sub sp, #96
    str r0, [sp]
    ldr r1, [r0, #ENTRY]
    adr.w r2, 2f
    adds r1, r1, r2
    orr r1, r1, #1
    str r1, [sp, #SAVED_ENTRY]
    ldr r1, [r0, #CLAMPS]
    str r1, [sp, #SAVED_CLAMPS]

1:  @ the next four channels; r0: tile
    ldrd r12, r1, [r0, #WEIGHTS]
    ldr r2, [r0, #ROW_BYTES]
    ldr r3, [r0, #COLUMNS]
    add lr, r12, r1
    TILE_ZERO
    cmp r1, r2
    add r2, r2, r12
    str r2, [r0, #WEIGHTS]
    bne.w 7f
    ldr r0, [sp, #SAVED_ENTRY]
    bx r0

    .p2align 2
2:  @ eight taps of three pixels and four channels
    .rept 8
    TILE_TAP
    .endr
    cmp r12, lr
    bne 2b

    ldr r1, [sp]
    add r0, sp, #ACCUMULATORS
    stm r0, {r4-r11}
    mov r11, r0
    ldrd r0, r2, [r1, #FIRST]
    cmp r0, r2
    bne 5f
    TILE_EPILOGUE
3:  @ a channel
    ldrd r0, r1, [r11], #8
    ldm r7!, {r3, r4, r5, r6}
    TILE_DECODE
    add r2, r3, r2, lsl #1
    add r0, r3, r0, asr #10
    add r1, r3, r1, asr #10
    TILE_FINISH
    subs lr, lr, #1
    bne 3b
4:
    ldr r0, [sp]
    str r7, [r0, #TABLE]
    str r8, [r0, #OUTPUT]
    ldr r1, [r0, #CHANNELS]
    subs r1, r1, #4
    str r1, [r0, #CHANNELS]
    bhi 1b
    add sp, #96
    pop {r4-r11, pc}

5:  @ the end of a chunk: r1: tile, r11: accumulators
    add r5, sp, #SUMS
    movs r6, #4
    mov r4, r1
6:
    ldrd r0, r1, [r11], #8
    TILE_DECODE
    ldm r5, {r7, r8, r9}
    add r7, r7, r2
    add r8, r8, r0, asr #11
    add r9, r9, r1, asr #11
    stm r5!, {r7, r8, r9}
    subs r6, r6, #1
    bne 6b
    ldrd r0, r1, [r4, #WEIGHTS]
    cmp r0, r12
    beq 8f
    ldr r0, [r4, #CHUNK]
    add lr, lr, r0
    TILE_ZERO
    b 2b

7:  @ several chunks: their sums start at zero
    add r0, sp, #SUMS
    stm r0!, {r4-r9}
    stm r0!, {r4-r9}
    ldr r0, [sp, #SAVED_ENTRY]
    bx r0

8:  @ the end of the last of several chunks
    TILE_EPILOGUE
    add r11, sp, #SUMS
10:
    ldm r11!, {r0, r1, r2}
    ldm r7!, {r3, r4, r5, r6}
    mov r12, r0
    add r0, r3, r1, lsl #1
    add r1, r3, r2, lsl #1
    add r2, r3, r12, lsl #1
    TILE_FINISH
    subs lr, lr, #1
    bne 10b
    b 4b
    .size kinglet_armv7m_tile3, . - kinglet_armv7m_tile3

@ ---------------------------------------------------------------------------------------------
@ Packing the taps of three pixels.
@ r0, r1, r2: the pixels' taps, r3: target, r4-r6: values, r7: taps left of a run, r8: runs left,
@ r9-r11: from the end of a pixel's run to its next, r12: taps of a run

    .macro TILE_PACK
    ldrsb r4, [r0], #1
    ldrsb r5, [r1], #1
    ldrsb r6, [r2], #1
    add r4, r4, r5, lsl #11
    add r5, r5, r6, lsl #11
    strd r4, r5, [r3], #8
    .endm

    .section .text.kinglet_armv7m_gather, "ax", %progbits
    .p2align 2
    .global kinglet_armv7m_gather
    .type kinglet_armv7m_gather, %function
    .thumb_func
kinglet_armv7m_gather:
    push {r4-r11, lr}
    ldrd r8, r12, [r0, #GATHER_ROWS]
    ldrd r10, r11, [r0, #GATHER_STEPS + 4]
    ldrd r3, r9, [r0, #GATHER_STEPS - 4]
    mov r4, r0
    ldrd r0, r1, [r4]
    mov r2, r3
    ldr r3, [r4, #GATHER_TARGET]
1:  @ a run
    subs r7, r12, #4
    blt 3f
2:
    TILE_PACK
    TILE_PACK
    TILE_PACK
    TILE_PACK
    subs r7, r7, #4
    bge 2b
3:
    adds r7, r7, #4
    beq 5f
4:
    TILE_PACK
    subs r7, r7, #1
    bne 4b
5:
    add r0, r0, r9
    add r1, r1, r10
    add r2, r2, r11
    subs r8, r8, #1
    bne 1b
    pop {r4-r11, pc}
    .size kinglet_armv7m_gather, . - kinglet_armv7m_gather

@ ---------------------------------------------------------------------------------------------
@ Tiles beside each other.
@ r4: strip, r5: tiles left, r6-r8: what a tile overwrites, r9: output

    .section .text.kinglet_armv7m_strip, "ax", %progbits
    .p2align 2
    .global kinglet_armv7m_strip
    .type kinglet_armv7m_strip, %function
    .thumb_func
kinglet_armv7m_strip:
    push {r4-r9, lr}
    mov r4, r0
    ldr r5, [r4, #TILES]
    ldr r6, [r4, #WEIGHTS]
    ldrd r7, r8, [r4, #TABLE]
1:
    add r0, r4, #SOURCES
    bl kinglet_armv7m_gather
    ldr r9, [r4, #OUTPUT]
    mov r0, r4
    bl kinglet_armv7m_tile3
    str r6, [r4, #WEIGHTS]
    strd r7, r8, [r4, #TABLE]
    ldrd r3, r0, [r4, #STEPS]
    add r9, r9, r0
    str r9, [r4, #OUTPUT]
    add r9, r4, #SOURCES
    ldm r9, {r0, r1, r2}
    add r0, r0, r3
    add r1, r1, r3
    add r2, r2, r3
    stm r9, {r0, r1, r2}
    subs r5, r5, #1
    bne 1b
    pop {r4-r9, pc}
    .size kinglet_armv7m_strip, . - kinglet_armv7m_strip
