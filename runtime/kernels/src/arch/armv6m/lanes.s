@ The matrix micro-kernel for Armv6-M: six pixels by all output channels. See mod.rs for the method and lanes.rs for
@ the arguments.
@
@ r0: words, r1: weights, r2-r5: the words of a tap, r6: its weight; sums in lanes: r8, r9, r10, r7.
@ r11: end of the chunk's words, r12: arguments, lr: chunks left. [sp, 0] to [sp, 20]: accumulators.

    .equ NEXT_START, PRIVATE
    .equ FINISH, PRIVATE + 4

    .section .text.kinglet_armv6m_lanes, "ax", %progbits
    .p2align 2
    .global kinglet_armv6m_lanes
    .type kinglet_armv6m_lanes, %function
    .thumb_func
kinglet_armv6m_lanes:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    sub sp, #24
    mov r12, r0
    mov r6, r0
    @ behind a ReLU: where the output stage begins, since pixels are computed from the last to the first; otherwise
    @ bytes of all pixels
    ldr r3, [r6, #PIXELS]
    ldr r2, [r6, #STEP]
    ldr r1, [r6, #KIND]
    cmp r1, #0
    beq .Llanes_finish
    ldr r2, .Llanes_relu_bytes
    movs r1, #6
    subs r3, r1, r3
.Llanes_finish:
    muls r2, r3, r2
    str r2, [r6, #FINISH]
    b .Llanes_channel

    .p2align 2
.Llanes_relu_bytes:
    .word (.Llanes_relu_end - .Llanes_relu) / 6

.Llanes_channel:
    ldr r0, [r6, #COLUMNS]
    ldr r1, [r6, #WEIGHTS]
    ldr r2, [r6, #SKIP]
    subs r1, r1, r2
    ldr r2, [r6, #FIRST_END]
    mov r11, r2
    ldr r2, [r6, #CHUNKS]
    mov lr, r2
    ldr r2, [r6, #STARTS]
    ldm r2!, {r3, r4, r5, r7}
    str r2, [r6, #NEXT_START]
    mov r8, r3
    mov r9, r4
    mov r10, r5
    ldr r3, [r6, #ENTRY]
    add pc, r3
    nop

.Llanes_taps:
    @ a tap: 20 bytes
    .set offset, 0
    .rept 12
    ldm r0!, {r2-r5}
    ldrb r6, [r1, #offset]
    muls r2, r6, r2
    muls r3, r6, r3
    muls r4, r6, r4
    muls r5, r6, r5
    add r8, r2
    add r9, r3
    add r10, r4
    adds r7, r7, r5
    .set offset, offset + 1
    .endr
    adds r1, #12
    cmp r0, r11
    bne .Llanes_taps

    @ separate the lanes: r1, r2, r3, r4, r5, r7
    mov r6, r12
    str r1, [r6, #WEIGHTS]
    mov r2, r8
    mov r3, r9
    lsls r1, r3, #11
    subs r1, r2, r1
    lsls r1, r1, #10
    asrs r1, r1, #10
    subs r2, r2, r1
    asrs r2, r2, #11
    subs r3, r3, r2
    asrs r3, r3, #11
    mov r5, r10
    lsls r4, r7, #11
    subs r4, r5, r4
    lsls r4, r4, #10
    asrs r4, r4, #10
    subs r5, r5, r4
    asrs r5, r5, #11
    subs r7, r7, r5
    asrs r7, r7, #11
    ldr r0, [r6, #CHUNKS]
    cmp r0, lr
    bne .Llanes_more
    ldr r0, [r6, #BIAS]
    adds r0, #4
    str r0, [r6, #BIAS]
    ldr r0, [r0]
    adds r1, r1, r0
    adds r2, r2, r0
    adds r3, r3, r0
    adds r4, r4, r0
    adds r5, r5, r0
    adds r7, r7, r0
.Llanes_keep:
    mov r0, sp
    stm r0!, {r1-r5, r7}
    mov r0, lr
    subs r0, #1
    beq .Llanes_factor
    @ the next chunk
    mov lr, r0
    ldr r1, [r6, #WEIGHTS]
    mov r0, r11
    movs r2, #240
    lsls r2, r2, #2
    add r11, r2
    ldr r2, [r6, #NEXT_START]
    ldm r2!, {r3, r4, r5, r7}
    str r2, [r6, #NEXT_START]
    mov r8, r3
    mov r9, r4
    mov r10, r5
    b .Llanes_taps

.Llanes_more:
    @ add to what earlier chunks have left
    ldr r0, [sp, #0]
    adds r1, r1, r0
    ldr r0, [sp, #4]
    adds r2, r2, r0
    ldr r0, [sp, #8]
    adds r3, r3, r0
    ldr r0, [sp, #12]
    adds r4, r4, r0
    ldr r0, [sp, #16]
    adds r5, r5, r0
    ldr r0, [sp, #20]
    adds r7, r7, r0
    b .Llanes_keep

.Llanes_extra:
    @ an extra shift
    ldrb r1, [r7]
    subs r2, r2, r1
    ldr r1, [r6, #EXTRA_STRIDE]
    adds r7, r7, r1
    str r7, [r6, #EXTRA]
    b .Llanes_shift
.Llanes_to_any:
    b .Llanes_any

.Llanes_factor:
    @ the channel's factor
    ldr r3, [r6, #REQUANT]
    ldr r0, [r3]
    ldr r1, [r6, #REQUANT_STRIDE]
    adds r3, r3, r1
    str r3, [r6, #REQUANT]
    ldr r2, [r6, #SHIFT]
    lsrs r1, r0, #30
    subs r2, r2, r1
    ldr r7, [r6, #EXTRA]
    cmp r7, #0
    bne .Llanes_extra
.Llanes_shift:
    ldr r3, [r6, #ROUNDING]
    lsls r3, r3, r2
    ldr r1, [r6, #HALF]
    adds r3, r3, r1
    mov r8, r3
    adds r2, #1
    ldr r1, [r6, #MIN]
    mov r9, r1
    ldr r1, [r6, #MAX]
    mov r11, r1
    ldr r1, [r6, #STEP]
    mov lr, r1
    ldr r7, [r6, #OUTPUT]
    adds r1, r7, #1
    str r1, [r6, #OUTPUT]
    ldr r1, [r6, #FINISH]
    ldr r4, [r6, #KIND]
    cmp r4, #0
    beq .Llanes_to_any
    kinglet_narrow_digits
    add pc, r1
    nop
.Llanes_relu:
    .set home, 20
    .rept 6
    kinglet_output_relu kinglet_narrow_product, home, r11
    .set home, home - 4
    .endr
.Llanes_relu_end:
    b .Llanes_next

.Llanes_any:
    @ a loop from the first pixel on; accumulators leave the stack one by one
    adds r1, r1, r7
    mov r10, r1
    kinglet_wide_digits
.Llanes_any_pixel:
    ldr r0, [sp, #0]
    movs r1, r0
    kinglet_wide_product 0
    bpl 1f
    subs r1, #128
1:
    add r1, r8
    asrs r1, r1, r2
    cmp r1, r9
    bge 2f
    mov r1, r9
2:
    cmp r1, r11
    ble 3f
    mov r1, r11
3:
    strb r1, [r7]
    add sp, #4
    add r7, lr
    cmp r7, r10
    bne .Llanes_any_pixel
    @ back to where the first one stood
    mov r6, r12
    ldr r0, [r6, #PIXELS]
    lsls r0, r0, #2
    mov r1, sp
    subs r1, r1, r0
    mov sp, r1
.Llanes_next:
    mov r6, r12
    ldr r0, [r6, #COUNT]
    subs r0, #1
    str r0, [r6, #COUNT]
    beq .Llanes_done
    b .Llanes_channel
.Llanes_done:
    add sp, #24
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}
    .size kinglet_armv6m_lanes, . - kinglet_armv6m_lanes
