/** Scheduling by priority. */
import type { Logger } from 'pino';

export enum PriorityLevel {
  CRITICAL = 0,
  HIGH = 1,
  NORMAL = 2,
  LOW = 3,
  BACKGROUND = 4,
}

export interface SlaConfig {
  targetLatencyMs: number;
  maxLatencyMs: number;
  violationThreshold: number;
}

export type SlaTiers = Record<PriorityLevel, SlaConfig>;

export interface SchedulingPolicy {
  shortestJobFirst: boolean;
  allowPreemption: boolean;
  fairnessWeight: number;
  urgencyThresholdMs: number;
  agingEnabled: boolean;
  agingIntervalMs: number;
}

export interface RequestMetadata {
  id: string;
  priority: PriorityLevel;
  queuedAt: number;
  estimatedTokens?: number;
  deadline?: number;
  originalPriority: PriorityLevel;
  agingBumps: number;
  tenantId?: string;
  customData?: Record<string, unknown>;
}

export interface SchedulableRequest<T = unknown> {
  metadata: RequestMetadata;
  payload: T;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

export interface PreemptionDecision {
  shouldPreempt: boolean;
  reason?: string;
  requestToPreempt?: SchedulableRequest;
  newRequest?: SchedulableRequest;
}

export interface QueueStats {
  queueDepth: Record<PriorityLevel, number>;
  totalQueueSize: number;
  oldestRequestAge: Record<PriorityLevel, number>;
  executing: number;
  preempted: number;
}

export interface SchedulingDecision {
  request: SchedulableRequest | null;
  reason: string;
  queueStateBefore: QueueStats;
  timestamp: number;
}

export interface FairQueuingState {
  servedCounts: Map<PriorityLevel, number>;
  lastServed: Map<PriorityLevel, number>;
  tenantQueueDepth: Map<string, number>;
}

export interface PrioritySchedulerConfig {
  slaTiers: SlaTiers;
  policy: SchedulingPolicy;
  maxQueueSize: number;
  maxConcurrent: number;
  enableMetrics: boolean;
  logger?: Logger;
}
