@ The matrix micro-kernel for Armv7E-M: four pixels by pairs of channels. See mod.rs for the method and tile.rs for
@ the arguments.

    .syntax unified
    .thumb

    @ The arguments on the stack, behind the address of the caller's struct.
    .equ WEIGHTS, TILE_WEIGHTS + 4
    .equ TABLE, TILE_TABLE + 4
    .equ COLUMNS, TILE_COLUMNS + 4
    .equ COLUMNS_END, TILE_COLUMNS_END + 4
    .equ ENTRY, TILE_ENTRY + 4
    .equ STAGE, TILE_STAGE + 4
    .equ FLAGS, TILE_FLAGS + 4
    .equ OUTPUT, TILE_OUTPUT + 4
    .equ STRIDE, TILE_STRIDE + 4
    .equ TABLE_END, TILE_TABLE_END + 4

    @ Two taps of four pixels and two channels. r4-r7: 256 * B + A of the four pixels; r8-r11: A. r12: columns,
    @ lr: weights. 48 bytes.
    .macro STEP
    ldr r2, [lr], #4
    sxtb16 r3, r2
    ldrd r0, r1, [r12], #8
    smlad r4, r2, r0, r4
    smlad r8, r3, r0, r8
    smlad r5, r2, r1, r5
    smlad r9, r3, r1, r9
    ldrd r0, r1, [r12], #8
    smlad r6, r2, r0, r6
    smlad r10, r3, r0, r10
    smlad r7, r2, r1, r7
    smlad r11, r3, r1, r11
    .endm

    @ A channel's four accumulators, doubled, through the output stage. r0: multiplier, r1: right shift less 1, r2:
    @ rounding. `nudge` is what the rounding of negative numbers adds; without it ties round up, see mod.rs.
    .macro SCALE a, b, c, d, nudge
    .if \nudge
    add r12, r2, \a, asr #31
    add lr, r2, \b, asr #31
    smmlar \a, \a, r0, r12
    smmlar \b, \b, r0, lr
    add r12, r2, \c, asr #31
    add lr, r2, \d, asr #31
    smmlar \c, \c, r0, r12
    smmlar \d, \d, r0, lr
    .else
    smmlar \a, \a, r0, r2
    smmlar \b, \b, r0, r2
    smmlar \c, \c, r0, r2
    smmlar \d, \d, r0, r2
    .endif
    asr \a, \a, r1
    asr \b, \b, r1
    asr \c, \c, r1
    asr \d, \d, r1
    ssat \a, #8, \a, asr #1
    ssat \b, #8, \b, asr #1
    ssat \c, #8, \c, asr #1
    ssat \d, #8, \d, asr #1
    .endm

    .section .text.kinglet_armv7em_tile4, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_tile4
    .type kinglet_armv7em_tile4, %function
    .thumb_func
kinglet_armv7em_tile4:
    push {r4-r11, lr}
    ldm r0, {r1-r11}
    adr.w r12, 2f
    add r5, r5, r12
    adr.w r12, 5f
    cmp r6, #0
    it ne
    addne r12, r12, #(6f - 5f)
    orr r5, r5, #1
    orr r6, r12, #1
    push {r0-r11}
    mov lr, r1

1:  @ the next pair; its first two taps start the accumulators
    ldrd r3, r12, [sp, #TABLE]
    ldrd r8, r4, [r3, #24]
    ldr r2, [lr], #4
    sxtb16 r3, r2
    ldrd r0, r1, [r12], #8
    ldrd r6, r7, [r12], #8
    smlad r5, r2, r1, r4
    smlad r9, r3, r1, r8
    smlad r10, r3, r6, r8
    smlad r11, r3, r7, r8
    smlad r6, r2, r6, r4
    smlad r7, r2, r7, r4
    smlad r4, r2, r0, r4
    smlad r8, r3, r0, r8
    STEP
    ldr pc, [sp, #ENTRY]

    .p2align 2
2:  @ sixteen taps
    .rept 8
    STEP
    .endr
    ldr r0, [sp, #COLUMNS_END]
    cmp r12, r0
    bne 2b

    @ separate the channels; all sums doubled
    sub r4, r4, r8
    sub r5, r5, r9
    sub r6, r6, r10
    sub r7, r7, r11
    asr r4, r4, #7
    asr r5, r5, #7
    asr r6, r6, #7
    asr r7, r7, #7
    lsl r8, r8, #1
    lsl r9, r9, #1
    lsl r10, r10, #1
    lsl r11, r11, #1
    str lr, [sp, #WEIGHTS]
    ldr r3, [sp, #TABLE]
    ldm r3!, {r0, r1, r2}
    ldr pc, [sp, #STAGE]

    .p2align 2
5:
    SCALE r8, r9, r10, r11, 1
    ldm r3!, {r0, r1, r2}
    SCALE r4, r5, r6, r7, 1
    b 7f

    .p2align 2
6:
    SCALE r8, r9, r10, r11, 0
    ldm r3!, {r0, r1, r2}
    SCALE r4, r5, r6, r7, 0
7:  @ both channels of a pixel side by side
    adds r3, #8
    str r3, [sp, #TABLE]
    bfi r8, r4, #8, #24
    bfi r9, r5, #8, #24
    bfi r10, r6, #8, #24
    bfi r11, r7, #8, #24
    ldrd r0, r1, [sp, #FLAGS]
    cbnz r0, 10f
8:
    ldrd r2, lr, [sp, #STRIDE]
    strh r8, [r1]
    strh r9, [r1, r2]
    strh r10, [r1, r2, lsl #1]
    strh r11, [r1, lr]
    adds r1, #2
    str r1, [sp, #OUTPUT]
9:
    ldr lr, [sp, #WEIGHTS]
    ldr r0, [sp, #TABLE_END]
    cmp r3, r0
    bne.w 1b
    add sp, #48
    pop {r4-r11, pc}

10: @ r0: 1 to clamp, 2 for less than four pixels, 4 for an odd number of channels; r1: output
    tst r0, #1
    beq 11f
    @ four bytes at a time
    ldr r2, [sp]
    ldrd r6, r7, [r2, #TILE_MIN]
    pkhbt r8, r8, r9, lsl #16
    pkhbt r10, r10, r11, lsl #16
    ssub8 r2, r8, r6
    sel r8, r8, r6
    ssub8 r2, r10, r6
    sel r10, r10, r6
    ssub8 r2, r8, r7
    sel r8, r7, r8
    ssub8 r2, r10, r7
    sel r10, r7, r10
    lsr r9, r8, #16
    lsr r11, r10, #16
11: @ r7: 1 when the pair has its second channel
    ldr r2, [sp, #TABLE_END]
    subs r7, r3, r2
    it ne
    movne r7, #1
    tst r0, #4
    it eq
    moveq r7, #1
    tst r0, #2
    bne 12f
    cmp r7, #0
    bne 8b
12:
    ldr r2, [sp]
    ldr r4, [r2, #PIXELS]
    ldr r5, [sp, #STRIDE]
    adds r6, r1, #2
    str r6, [sp, #OUTPUT]
13: @ pixel by pixel
    lsr r6, r8, #8
    strb r8, [r1]
    cbz r7, 14f
    strb r6, [r1, #1]
14:
    add r1, r1, r5
    mov r8, r9
    mov r9, r10
    mov r10, r11
    subs r4, #1
    bne 13b
    b 9b
    .size kinglet_armv7em_tile4, . - kinglet_armv7em_tile4
