@ Matrix micro-kernel for Helium: four pixels by blocks of four channels. See mod.rs for the method and
@ kernel.rs for the arguments.
@
@ VMLADAV takes even registers only, so the eight sums of two pixels and four channels are all even registers, and
@ everything else lives in the odd ones and on the stack:
@ r0 r2: channel 0, first and second pixel; r4 r6: channel 1; r8 r10: channel 2; r12 lr: channel 3
@ r1: weights; r3 r5: windows of the two pixels; r7: steps; r9: rows; r11: biases
@ q0 q1: activations; q2: weights; q3: where the four pixels' outputs are; q4-q7: a channel's sums of four pixels

    .syntax unified
    .thumb

    @ Arguments, see kernel.rs

    @ Frame
    .equ COUNT, 0
    .equ ENTRY, 4
    .equ SKIP, 8
    .equ ROWS, 12
    .equ X0, 16 @ two pointers
    .equ X2, 24 @ two pointers
    .equ WORD_STEP, 32
    .equ WORDS, 36
    .equ BASE, 40
    .equ ZERO, 44
    .equ EXTRA, 48
    .equ OUT, 52
    .equ BLOCK, 56
    .equ BIAS_END, 60
    .equ ARGUMENTS, 64
    .equ MIN_LANES, 72
    .equ MAX_LANES, 88
    .equ FRAME, 104

    @ 16 taps of two pixels and four channels; 56 bytes
    .macro STEP
    vldrb.u8 q0, [r3], #16
    vldrb.u8 q2, [r1], #16
    vmladava.s8 r0, q0, q2
    vldrb.u8 q1, [r5], #16
    vmladava.s8 r2, q1, q2
    vldrb.u8 q2, [r1], #16
    vmladava.s8 r4, q0, q2
    vmladava.s8 r6, q1, q2
    vldrb.u8 q2, [r1], #16
    vmladava.s8 r8, q0, q2
    vmladava.s8 r10, q1, q2
    vldrb.u8 q2, [r1], #16
    vmladava.s8 r12, q0, q2
    vmladava.s8 lr, q1, q2
    .endm

    @ The first step of a row, of which only the lanes in P0 exist. \op: vmladav in the first row
    .macro FIRST op
    vpstt
    vldrbt.u8 q0, [r3], #16
    vldrbt.u8 q1, [r5], #16
    vldrb.u8 q2, [r1], #16
    \op\().s8 r0, q0, q2
    \op\().s8 r2, q1, q2
    vldrb.u8 q2, [r1], #16
    \op\().s8 r4, q0, q2
    \op\().s8 r6, q1, q2
    vldrb.u8 q2, [r1], #16
    \op\().s8 r8, q0, q2
    \op\().s8 r10, q1, q2
    vldrb.u8 q2, [r1], #16
    \op\().s8 r12, q0, q2
    \op\().s8 lr, q1, q2
    .endm

    .section .text.kinglet_helium_matrix, "ax", %progbits
    .p2align 2

    .global kinglet_helium_matrix
    .type kinglet_helium_matrix, %function
    .thumb_func
kinglet_helium_matrix:
    push {r4-r11, lr}
    sub sp, #4
    vpush {d8-d15}
    sub sp, #FRAME
    mov r11, r0
    str r0, [sp, #ARGUMENTS]
    @ entry: the address behind the loop, or of a step in it
    ldm r0, {r1-r4}
    adr.w r0, .Lsteps
    adds r2, r2, r0
    orr r2, r2, #1
    stm sp, {r1-r4}
    ldrd r0, r1, [r11, #A_MASK]
    vmsr p0, r0
    vdup.8 q0, r1
    ldrd r0, r1, [r11, #A_MAX]
    vdup.8 q1, r0
    add r0, sp, #MIN_LANES
    vstrw.32 q0, [r0]
    vstrw.32 q1, [r0, #16]
    ldr r0, [r11, #A_BIAS]
    add r0, r0, r1, lsl #4
    str r0, [sp, #BIAS_END]
    ldrd r0, r1, [r11, #A_BASE]
    strd r0, r1, [sp, #BASE]
    ldr r0, [r11, #A_WORD_STEP]
    str r0, [sp, #WORD_STEP]
    @ lanes 0, 2 are the first pair of pixels, 1, 3 the second
    ldr r2, [r11, #A_OUTPUT_BYTES]
    movs r0, #0
    lsl r4, r2, #1
    add r6, r4, r2
    vmov q3[2], q3[0], r0, r2
    vmov q3[3], q3[1], r4, r6

.Ltile: @ r11: arguments
    ldrd r0, r2, [r11, #A_INPUT]
    ldr r6, [r11, #A_PIXELS]
    cmp r6, #4
    blo .Lfew
    add r3, r0, r2
    strd r0, r3, [sp, #X0]
    add r4, r0, r2, lsl #1
    add r5, r3, r2, lsl #1
    strd r4, r5, [sp, #X2]
.Lpointers:
    ldr r6, [r11, #A_OUTPUT]
    ldr r4, [r11, #A_EXTRA]
    strd r4, r6, [sp, #EXTRA]
    ldr r2, [r11, #A_WORDS]
    str r2, [sp, #WORDS]
    ldrd r1, r11, [r11, #A_WEIGHTS]

.Lblock:
    str r1, [sp, #BLOCK]
    ldrd r3, r5, [sp, #X0]
    ldr r9, [sp, #ROWS]
    FIRST vmladav
    b 2f
1:  @ the next row of the window
    ldr r7, [sp, #SKIP]
    add r3, r3, r7
    add r5, r5, r7
    FIRST vmladava
2:
    ldr r7, [sp, #COUNT]
    ldr pc, [sp, #ENTRY]
.Lsteps:
    .rept 4
    STEP
    .endr
    subs r7, #1
    bne .Lsteps
.Lsteps_end:
    subs r9, #1
    bne 1b
    @ BLOCK is zero for the second pair of pixels
    ldr r7, [sp, #BLOCK]
    cbz r7, .Lsecond
    vmov q4[2], q4[0], r0, r2
    vmov q5[2], q5[0], r4, r6
    vmov q6[2], q6[0], r8, r10
    vmov q7[2], q7[0], r12, lr
    mov r1, r7
    movs r7, #0
    str r7, [sp, #BLOCK]
    ldrd r3, r5, [sp, #X2]
    ldr r9, [sp, #ROWS]
    FIRST vmladav
    b 2b

.Lsecond:
    vmov q4[3], q4[1], r0, r2
    vmov q5[3], q5[1], r4, r6
    vmov q6[3], q6[1], r8, r10
    vmov q7[3], q7[1], r12, lr
    ldm r11!, {r0, r2, r4, r6}
    vadd.i32 q4, q4, r0
    vadd.i32 q5, q5, r2
    vadd.i32 q6, q6, r4
    vadd.i32 q7, q7, r6
    ldrd r7, r9, [sp, #WORD_STEP]
    ldm r9, {r8, r10, r12, lr}
    add r9, r9, r7
    str r9, [sp, #WORDS]
    @ shifts, to the left: the relative ones are the top two bits of the words
    ldr r3, [sp, #BASE]
    add r0, r3, r8, lsr #30
    add r2, r3, r10, lsr #30
    add r4, r3, r12, lsr #30
    add r6, r3, lr, lsr #30
    ldr r7, [sp, #EXTRA]
    cbz r7, 2f
    ldrb r5, [r7], #1
    add r0, r0, r5
    ldrb r5, [r7], #1
    add r2, r2, r5
    ldrb r5, [r7], #1
    add r4, r4, r5
    ldrb r5, [r7], #1
    add r6, r6, r5
    str r7, [sp, #EXTRA]
2:
    movs r5, #1
    bfi r8, r5, #30, #2
    bfi r10, r5, #30, #2
    bfi r12, r5, #30, #2
    bfi lr, r5, #30, #2
    @ (x * m + 2^30 >> 31) + (x >> 31), then the rounding shift
    vshr.s32 q0, q4, #31
    vqrdmlah.s32 q0, q4, r8
    vrshl.s32 q0, r0
    vshr.s32 q1, q5, #31
    vqrdmlah.s32 q1, q5, r10
    vrshl.s32 q1, r2
    vshr.s32 q2, q6, #31
    vqrdmlah.s32 q2, q6, r12
    vrshl.s32 q2, r4
    vshr.s32 q4, q7, #31
    vqrdmlah.s32 q4, q7, lr
    vrshl.s32 q4, r6
    @ bytes: the channels of lane 0, then those of lane 1, ...
    ldr r0, [sp, #ZERO]
    vqmovnb.s32 q0, q0
    vqmovnt.s32 q0, q2
    vqmovnb.s32 q1, q1
    vqmovnt.s32 q1, q4
    vqadd.s16 q0, q0, r0
    vqadd.s16 q1, q1, r0
    vqmovnb.s16 q0, q0
    vqmovnt.s16 q0, q1
    add r0, sp, #MIN_LANES
    vldrw.u32 q1, [r0]
    vldrw.u32 q2, [r0, #16]
    vmax.s8 q0, q0, q1
    vmin.s8 q0, q0, q2
    ldr r2, [sp, #OUT]
    vstrw.32 q0, [r2, q3]
    adds r2, #4
    str r2, [sp, #OUT]
    ldr r4, [sp, #BIAS_END]
    cmp r11, r4
    bne .Lblock

    @ the next tile
    ldr r11, [sp, #ARGUMENTS]
    ldr r6, [r11, #A_PIXELS]
    subs r6, #4
    bls .Ldone
    add r8, r11, #A_INPUT
    ldm r8, {r0, r2, r4, r10}
    add r0, r0, r2, lsl #2
    add r4, r4, r10, lsl #2
    cmp r6, #4
    bhs 3f
    @ fewer than four pixels are left: some are computed again
    rsb r6, r6, #4
    mls r0, r6, r2, r0
    mls r4, r6, r10, r4
    movs r6, #4
3:
    str r0, [r11, #A_INPUT]
    str r4, [r11, #A_OUTPUT]
    str r6, [r11, #A_PIXELS]
    b .Ltile

.Lfew:  @ one to three pixels in all: the last one takes the place of those that are missing
    ldr r8, [r11, #A_OUTPUT_BYTES]
    cmp r6, #2
    itt lo
    movlo r2, #0
    movlo r8, #0
    add r3, r0, r2
    mov r10, r8
    cmp r6, #3
    itt lo
    movlo r2, #0
    movlo r8, #0
    add r4, r3, r2
    add r12, r10, r8
    strd r0, r3, [sp, #X0]
    strd r4, r4, [sp, #X2]
    movs r0, #0
    vmov q3[2], q3[0], r0, r10
    vmov q3[3], q3[1], r12, r12
    b .Lpointers

.Ldone:
    add sp, #FRAME
    vpop {d8-d15}
    add sp, #4
    pop {r4-r11, pc}
    .size kinglet_helium_matrix, . - kinglet_helium_matrix
