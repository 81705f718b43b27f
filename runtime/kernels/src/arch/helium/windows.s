@ Depthwise convolution by 3x3 windows. See windows.rs for the method and the arguments.

    .syntax unified
    .thumb

@ ---------------------------------------------------------------------------------------------
@ Transposing a row: for each group, four columns of up to sixteen channels.
@ r0: arguments; r1 r2 r3 r4: the group's columns; r5: bytes from pixel to pixel; r6: column; r7: width; r8: last
@ column at which a group is whole; r9: target; r10: bytes of a group; lr: groups left; q4: padding; P0: channels

    @ A column that may lie outside.
    .macro COLUMN q, r
    vmov \q, q4
    cmp r6, r7
    bhs 4f
    vpst
    vldrbt.u8 \q, [\r]
4:
    adds r6, #1
    .endm

    .section .text.kinglet_helium_windows_row, "ax", %progbits
    .p2align 2
    .global kinglet_helium_windows_row
    .type kinglet_helium_windows_row, %function
    .thumb_func
kinglet_helium_windows_row:
    push {r4-r11, lr}
    sub sp, #4
    vpush {d8-d9}
    ldr r1, [r0, #T_PADDING]
    vdup.8 q4, r1
    ldr r1, [r0, #T_CHANNELS]
    vctp.8 r1
    ldrd r1, r5, [r0, #T_SOURCE]
    ldrd r6, r7, [r0, #T_COLUMN]
    ldrd r9, r10, [r0, #T_TARGET]
    ldr lr, [r0, #T_GROUPS]
    subs r8, r7, #3
    it lt
    movlt r8, #0
    dls lr, lr
1:
    add r2, r1, r5
    add r3, r1, r5, lsl #1
    add r4, r2, r5, lsl #1
    cmp r6, r8
    bhs 3f
    vpstttt
    vldrbt.u8 q0, [r1]
    vldrbt.u8 q1, [r2]
    vldrbt.u8 q2, [r3]
    vldrbt.u8 q3, [r4]
    adds r6, #2
2:
    vst40.8 {q0, q1, q2, q3}, [r9]
    vst41.8 {q0, q1, q2, q3}, [r9]
    vst42.8 {q0, q1, q2, q3}, [r9]
    vst43.8 {q0, q1, q2, q3}, [r9]
    mov r1, r3
    add r9, r9, r10
    le lr, 1b
    vpop {d8-d9}
    add sp, #4
    pop {r4-r11, pc}
3:  @ at a border
    COLUMN q0, r1
    COLUMN q1, r2
    COLUMN q2, r3
    COLUMN q3, r4
    subs r6, #2
    b 2b
    .size kinglet_helium_windows_row, . - kinglet_helium_windows_row

@ ---------------------------------------------------------------------------------------------
@ The outputs of four channels in a band.

    @ Frame of the outputs; the biases are its first four words
    .equ ZERO_POINT, 16 @ and the bytes from four outputs to the next
    .equ LAST_GROUP, 24
    .equ BAND, 28
    .equ LINE, 32 @ the line's outputs, and lines left
    .equ OUTPUTS_FRAME, 40
    .equ PLACES, OUTPUTS_FRAME + 64 @ the word between the saved vectors and the saved registers

    @ The next four sums of a channel, from r1 on, in \to: (x * m + 2^30 >> 31) + (x >> 31), then the rounding shift
    .macro REQUANTIZE to, bias, multiplier, shift
    vldrw.u32 q4, [r1], #16
    vadd.i32 q4, q4, \bias
    vshr.s32 \to, q4, #31
    vqrdmlah.s32 \to, q4, \multiplier
    vrshl.s32 \to, \shift
    .endm

    @ The rows of a channel's weights in r6, r8, r10, and its vector in q4; r3: weights, moved to the next channel
    .macro WEIGHTS
    ldr r6, [r3]
    ldr r8, [r3, #3]
    ldr r10, [r3, #5]
    bic r6, r6, #0xff000000
    bic r8, r8, #0xff000000
    lsr r10, r10, #8
    adds r3, #9
    vmov q4[2], q4[0], r6, r10
    vmov q4[3], q4[1], r8, r12
    .endm

    .section .text.kinglet_helium_windows, "ax", %progbits
    .p2align 2
@ Sums at stride 1. r0 r2 r4 r6: the four outputs of a group; r1: group; r3: weights; r5: sums; r7: bytes of a group;
@ r9: line; r11: arguments; r12: 0; q3: where the rows are; q4-q7: the channel's weights, for the window, its right
@ neighbour, the lower and the lower right one
    .global kinglet_helium_windows_s1
    .type kinglet_helium_windows_s1, %function
    .thumb_func
kinglet_helium_windows_s1:
    push {r4-r11, lr}
    sub sp, #4
    vpush {d8-d15}
    mov r11, r0
    ldrd r1, r2, [r11, #W_ROWS]
    movs r0, #0
    lsl r4, r2, #1
    add r6, r4, r2
    vmov q3[2], q3[0], r0, r4
    vmov q3[3], q3[1], r2, r6
    mov r12, #0
    ldr r3, [r11, #W_WEIGHTS]
    ldr r7, [r11, #W_GROUP_BYTES]
    movs r0, #0
    push {r0, r1}
1:  @ the next channel
    WEIGHTS
    vshl.i32 q5, q4, #8
    vmov q6[2], q6[0], r12, r8
    vmov q6[3], q6[1], r6, r10
    vshl.i32 q7, q6, #8
    ldrd r0, r8, [sp]
    ldr r5, [r11, #W_SUMS]
    add r5, r5, r0, lsl #4
    ldr r9, [r11, #W_LINES]
2:  @ the next two rows of outputs
    mov r1, r8
    ldr lr, [r11, #W_GROUPS]
    dls lr, lr
3:
    vldrw.u32 q0, [r1, q3]
    vmladav.s8 r0, q0, q4
    vmladav.s8 r2, q0, q5
    add r1, r1, r7
    vmladav.s8 r4, q0, q6
    vmladav.s8 r6, q0, q7
    stm r5, {r0, r2, r4, r6}
    adds r5, #64
    le lr, 3b
    ldr r0, [r11, #W_ROW_BYTES]
    add r8, r8, r0, lsl #1
    subs r9, #1
    bne 2b
    ldrd r0, r8, [sp]
    adds r0, #1
    adds r8, #4
    strd r0, r8, [sp]
    cmp r0, #4
    bne 1b
    add sp, #8
    b .Loutputs

@ Sums at stride 2: likewise, four groups with a window each.
    .global kinglet_helium_windows_s2
    .type kinglet_helium_windows_s2, %function
    .thumb_func
kinglet_helium_windows_s2:
    push {r4-r11, lr}
    sub sp, #4
    vpush {d8-d15}
    mov r11, r0
    ldrd r1, r2, [r11, #W_ROWS]
    movs r0, #0
    lsl r4, r2, #1
    vmov q3[2], q3[0], r0, r4
    vmov q3[3], q3[1], r2, r4
    mov r12, #0
    ldr r3, [r11, #W_WEIGHTS]
    ldr r7, [r11, #W_GROUP_BYTES]
    movs r0, #0
    push {r0, r1}
1:
    WEIGHTS
    ldrd r0, r8, [sp]
    ldr r5, [r11, #W_SUMS]
    add r5, r5, r0, lsl #4
    ldr r9, [r11, #W_LINES]
2:
    mov r1, r8
    ldr lr, [r11, #W_GROUPS]
    dls lr, lr
3:
    vldrw.u32 q0, [r1, q3]
    add r1, r1, r7
    vldrw.u32 q1, [r1, q3]
    add r1, r1, r7
    vmladav.s8 r0, q0, q4
    vldrw.u32 q0, [r1, q3]
    add r1, r1, r7
    vmladav.s8 r2, q1, q4
    vldrw.u32 q1, [r1, q3]
    add r1, r1, r7
    vmladav.s8 r4, q0, q4
    vmladav.s8 r6, q1, q4
    stm r5, {r0, r2, r4, r6}
    adds r5, #64
    le lr, 3b
    ldr r0, [r11, #W_ROW_BYTES]
    add r8, r8, r0, lsl #1
    subs r9, #1
    bne 2b
    ldrd r0, r8, [sp]
    adds r0, #1
    adds r8, #4
    strd r0, r8, [sp]
    cmp r0, #4
    bne 1b
    add sp, #8

.Loutputs:
@ r1: sums; r2: four bytes before the first output of the four; r3-r6: biases, or free; r7-r10: multipliers;
@ r0 r11 r12 lr: shifts; q5: bytes to the outputs, of which P0 has those that exist; q6 q7: clamps
    sub sp, #OUTPUTS_FRAME
    str r11, [sp, #BAND]
    ldrd r0, r1, [r11, #W_BIAS]
    ldm r0, {r3-r6}
    stm sp, {r3-r6}
    ldm r1, {r7-r10}
    @ shifts, to the left: the relative ones are the top two bits of the words
    ldrd r2, r3, [r11, #W_EXTRA]
    add r0, r3, r7, lsr #30
    add r4, r3, r8, lsr #30
    add r12, r3, r9, lsr #30
    add lr, r3, r10, lsr #30
    cbz r2, 1f
    ldrb r5, [r2]
    add r0, r0, r5
    ldrb r5, [r2, #1]
    add r4, r4, r5
    ldrb r5, [r2, #2]
    add r12, r12, r5
    ldrb r5, [r2, #3]
    add lr, lr, r5
1:
    movs r5, #1
    bfi r7, r5, #30, #2
    bfi r8, r5, #30, #2
    bfi r9, r5, #30, #2
    bfi r10, r5, #30, #2
    ldrd r2, r3, [r11, #W_MIN]
    vdup.32 q6, r2
    vdup.32 q7, r3
    ldr r2, [r11, #W_ZERO]
    ldr r3, [r11, #W_STEP_BYTES]
    strd r2, r3, [sp, #ZERO_POINT]
    ldrd r1, r2, [r11, #W_SUMS]
    ldr r3, [r11, #W_LINES]
    strd r2, r3, [sp, #LINE]
    mov r11, r4
2:  @ the next line; the last one has places of its own
    ldr r3, [sp, #BAND]
    ldrd r2, r4, [sp, #LINE]
    add r5, r3, #W_PLACES
    cmp r4, #1
    it eq
    addeq r5, #24
    str r5, [sp, #PLACES]
    ldr r6, [r3, #W_GROUPS]
    subs r6, #1
    add r6, r1, r6, lsl #6
    str r6, [sp, #LAST_GROUP]
    beq 5f
3:  @ where the outputs of a group are
    ldm r5, {r3-r5}
    movs r6, #4
    vmov q5[2], q5[0], r6, r4
    vmov q5[3], q5[1], r3, r5
    vcmp.i32 ne, q5, zr
4:
    ldm sp, {r3-r6}
    REQUANTIZE q0, r3, r7, r0
    REQUANTIZE q1, r4, r8, r11
    REQUANTIZE q2, r5, r9, r12
    REQUANTIZE q3, r6, r10, lr
    @ bytes: the channels of output 0, then those of output 1, ...
    ldrd r4, r5, [sp, #ZERO_POINT]
    vqmovnb.s32 q0, q0
    vqmovnt.s32 q0, q2
    vqmovnb.s32 q1, q1
    vqmovnt.s32 q1, q3
    vqadd.s16 q0, q0, r4
    vqadd.s16 q1, q1, r4
    vqmovnb.s16 q0, q0
    vqmovnt.s16 q0, q1
    vmax.s8 q0, q0, q6
    vmin.s8 q0, q0, q7
    vpst
    vstrwt.32 q0, [r2, q5]
    add r2, r2, r5
    ldr r3, [sp, #LAST_GROUP]
    cmp r1, r3
    blo 4b
    bhi 6f
5:  @ the last group of the line
    ldr r5, [sp, #PLACES]
    adds r5, #12
    b 3b
6:
    ldr r3, [sp, #BAND]
    ldr r4, [r3, #W_LINE_BYTES]
    ldrd r5, r6, [sp, #LINE]
    add r5, r5, r4
    subs r6, #1
    strd r5, r6, [sp, #LINE]
    bne 2b
    add sp, #OUTPUTS_FRAME
    vpop {d8-d15}
    add sp, #4
    pop {r4-r11, pc}
    .size kinglet_helium_windows_s1, . - kinglet_helium_windows_s1
